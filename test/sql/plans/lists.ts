import { encodeCursor } from '../../../src/cursor.ts'
import { ORDER_STATUSES } from '../../../src/domain/orders/order-status.ts'

/** Between orders that are done and such that are open. */
const cursorOf = (list: string) => encodeCursor(list, '01900000-0000-7000-8000-000000000000')

export const ORDER_PAGE = `{
  edges { node { id events { type } movements { id } inventoryItem { sku } } } pageInfo { hasNextPage }
}`
const FILTERS: object[] = ['COMMON', 'RARE', null].flatMap((sku) =>
  [...ORDER_STATUSES, null].map((status) => ({ sku, status })),
)
for (const reference of ['web 7', 'NONE']) {
  FILTERS.push({ reference }, { reference, sku: 'COMMON', status: 'RESERVED' })
}
for (const isHold of [true, false]) {
  FILTERS.push(...[...ORDER_STATUSES, null].map((status) => ({ isHold, status })))
  FILTERS.push({ isHold, sku: 'COMMON' }, { isHold, sku: 'RARE' }, { isHold, reference: 'web 7' })
}
/** Lists that everybody has. */
export const LISTS = FILTERS.flatMap((filter): [query: string, variables: object][] => [
  [`query ($filter: OrderFilter) { orders(first: 20, filter: $filter) ${ORDER_PAGE} }`, { filter }],
  [`query ($filter: OrderFilter) { orders(last: 20, filter: $filter) ${ORDER_PAGE} }`, { filter }],
  [
    `query ($filter: OrderFilter, $after: String) { orders(first: 100, after: $after, filter: $filter) ${ORDER_PAGE} }`,
    { filter, after: cursorOf('orders') },
  ],
])
const ITEM_PAGE = '{ edges { node { sku availableToPromise } } }'
const ITEM_FILTERS: object[] = [
  ...['isLow', 'isOut', 'isBackordered'].flatMap((flag) => [{ [flag]: true }, { [flag]: false }]),
  { isOut: true, isBackordered: true },
  { isOut: true, isBackordered: false },
  { skuPrefix: 'SKU-123' },
  { skuPrefix: 'SKU-123', isLow: true },
  { skuPrefix: 'NONE' },
  { skuPrefix: 'SKU-' },
  { skuPrefix: 'SKU-', isOut: false },
  { skuPrefix: 'SKU-', isLow: true },
]
/** Lists of operators, of SKUs with and without a long ledger. */
export const STAFF_LISTS: typeof LISTS = [
  ['{ deadLetters(first: 20) { edges { node { id order { id } } } } }', {}],
  ['{ deadLetters(last: 20) { edges { node { id } } } }', {}],
  [
    'query ($after: String) { deadLetters(first: 20, after: $after) { edges { node { id } } } }',
    { after: cursorOf('deadLetters') },
  ],
  [
    '{ inventoryItems(first: 20) { edges { node { sku movements(first: 20) { edges { node { id } } } } } } }',
    {},
  ],
  ...ITEM_FILTERS.flatMap((filter): typeof LISTS => [
    [
      `query ($filter: InventoryItemFilter) { inventoryItems(first: 20, filter: $filter) ${ITEM_PAGE} }`,
      { filter },
    ],
    [
      `query ($filter: InventoryItemFilter) { inventoryItems(last: 20, filter: $filter) ${ITEM_PAGE} }`,
      { filter },
    ],
    [
      `query ($filter: InventoryItemFilter, $after: String) { inventoryItems(first: 20, after: $after, filter: $filter) ${ITEM_PAGE} }`,
      { filter, after: encodeCursor('inventoryItems', 'SKU-5') },
    ],
  ]),
  ...['COMMON', 'RARE', 'NONE'].flatMap((sku): typeof LISTS => [
    [
      'query ($sku: String!) { movements(sku: $sku, first: 20) { edges { node { id order { id } } } } }',
      { sku },
    ],
    ['query ($sku: String!) { movements(sku: $sku, last: 20) { edges { node { id } } } }', { sku }],
  ]),
  ['{ status { queue { task } invariants { breaches } } }', {}],
  ['{ orders(first: 2) { edges { node { id jobs { id } deadLetters { id } } } } }', {}],
]
