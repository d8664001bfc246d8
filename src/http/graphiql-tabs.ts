/** What GraphiQL opens with: one of each, in the order in which a newcomer tries them. */
export const graphiqlTabs = [
  {
    query: `# What is in stock, and the latest orders.
query Look {
  inventoryItems(first: 10) {
    edges { node { sku name available reserved onHand } }
  }
  orders(first: 5) {
    edges { node { id sku qty status failureReason version } }
  }
}
`,
  },
  {
    query: `# Orders two. The answer comes at once, the stock is reserved right after.
# SCARCE-LATE, SCARCE-FAIL or SCARCE-DOWN as the SKU show what a supplier can do.
mutation Order {
  createOrder(input: { sku: "WIDGET", qty: 2 }) {
    order { id status version }
    userErrors { code message field }
  }
}
`,
  },
  {
    query: `# Watches an order: give it the id that the mutation answered.
subscription Watch($id: ID!) {
  orderStatusChanged(id: $id) { id status failureReason supplierRef version updatedAt }
}
`,
    variables: '{\n  "id": ""\n}',
  },
]
