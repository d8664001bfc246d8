/** The token goes here; `npm run token` makes one. Not kept in the browser. */
const headers = JSON.stringify({ authorization: 'Bearer TOKEN' }, null, 2)

/** How GraphiQL opens: with authentication it shows the editor of its headers, with a template of the one that it takes. */
export function graphiqlSetup(isAuthenticated: boolean) {
  if (!isAuthenticated) return { defaultTabs: graphiqlTabs, subscriptionsProtocol: 'WS' } as const
  return {
    headers,
    defaultTabs: graphiqlTabs.map((tab) => ({ ...tab, headers })),
    defaultEditorToolsVisibility: 'headers',
    // it sends its headers over HTTP alone
    subscriptionsProtocol: 'SSE',
  } as const
}

/** What GraphiQL opens with: one of each, in the order in which a newcomer tries them. */
const graphiqlTabs = [
  {
    query: `# What is in stock, and the latest orders.
query Look {
  inventoryItems(first: 10) {
    edges {
      node { sku available reserved onHand }
    }
  }
  orders(first: 5) {
    edges {
      node { id sku qty status failureReason }
    }
  }
}
`,
  },
  {
    query: `# Orders two. Stock is reserved right after.
# SCARCE-LATE, -FAIL and -DOWN show what a
# supplier can do.
mutation Order {
  createOrder(
    input: { sku: "WIDGET", qty: 2 }
  ) {
    order { id status version }
    userErrors { code message field }
  }
}
`,
  },
  {
    query: `# Watches an order: put the id that the
# mutation answered into the variables.
subscription Watch($id: ID!) {
  orderStatusChanged(id: $id) {
    id status failureReason version updatedAt
  }
}
`,
    variables: '{\n  "id": ""\n}',
  },
  {
    query: `# A checkout: holds a cart for ten minutes, and
# says at once whether it is there.
mutation Hold {
  createOrder(
    input: {
      lines: [{ sku: "WIDGET", qty: 2 }]
      holdSeconds: 600
      ifShort: FAIL
      waitMs: 5000
    }
  ) {
    order { id status failureReason expiresAt }
    userErrors { code message field }
  }
}

# More time: put the id into the variables.
mutation Extend($id: ID!) {
  extendHold(input: { id: $id, holdSeconds: 600 }) {
    order { id status expiresAt }
    userErrors { code message field }
  }
}

# Paid: it expires no more.
mutation Confirm($id: ID!) {
  confirmOrder(input: { id: $id }) {
    order { id status expiresAt }
    userErrors { code message field }
  }
}
`,
    variables: '{\n  "id": ""\n}',
  },
]
