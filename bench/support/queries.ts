const ORDER = '{ id sku qty status failureReason version createdAt updatedAt }'

/** What callers read, each with the variables `orderId` and `sku`. */
export const QUERIES = [
  { title: 'order(id)', text: `query ($orderId: ID!) { order(id: $orderId) ${ORDER} }` },
  {
    title: 'order(id) with events and movements',
    text: `query ($orderId: ID!) {
      order(id: $orderId) { status events { type at } movements { type delta } inventoryItem { available } }
    }`,
  },
  {
    title: 'orders(first: 20)',
    text: `{ orders(first: 20) { edges { node ${ORDER} } pageInfo { hasNextPage } } }`,
  },
  {
    title: 'orders(filter: sku)',
    text: `query ($sku: String!) { orders(first: 20, filter: { sku: $sku }) { edges { node ${ORDER} } } }`,
  },
  {
    title: 'orders(filter: status FAILED)',
    text: `{ orders(first: 20, filter: { status: FAILED }) { edges { node ${ORDER} } } }`,
  },
  {
    title: 'orders(filter: status RESERVED)',
    text: `{ orders(first: 20, filter: { status: RESERVED }) { edges { node ${ORDER} } } }`,
  },
  {
    title: 'orders(filter: sku and status)',
    text: `query ($sku: String!) {
      orders(first: 20, filter: { sku: $sku, status: FAILED }) { edges { node ${ORDER} } }
    }`,
  },
  {
    title: 'movements(sku)',
    text: `query ($sku: String!) {
      movements(sku: $sku, first: 20) { edges { node { id type delta availableAfter createdAt } } }
    }`,
  },
  {
    title: 'inventoryItems with movements',
    text: '{ inventoryItems(first: 5) { edges { node { sku available movements(first: 3) { edges { node { id } } } } } } }',
  },
] as const
