import { ORDER_STATUSES, type OrderStatus } from '../../domain/orders/order-status.ts'
import { prepare, type Queryable } from '../statement.ts'

/** A page of a list of orders: at most `sizeMax` orders next to `cursor`, or from the end of the list without a cursor. */
export type OrderPage = {
  /** Filters: null matches every order. */
  customerId: string | null
  /** Of any line. */
  sku: string | null
  status: OrderStatus | null
  /** The shop's own number. */
  reference: string | null
  /** `true`: holds alone, also those that have ended. `false`: firm orders alone. */
  isHold: boolean | null
  /** The id of the order before the page's first, itself not on the page; null for none. */
  cursor: string | null
  /** `older`: orders before the cursor, newest first. `newer`: orders after it, oldest first. */
  direction: 'older' | 'newer'
  sizeMax: number
}

const OLDEST = '00000000-0000-0000-0000-000000000000'
const NEWEST = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** Of these there are few at any time. */
const PASSING: readonly (OrderStatus | null)[] = ['PENDING', 'AWAITING_RESTOCK', 'PARTIALLY_SHIPPED']

/** Reads a page of orders. @returns their ids, newest first */
export async function findOrderPage(on: Queryable, page: OrderPage): Promise<string[]> {
  const { customerId, sku, reference, isHold, direction, sizeMax } = page
  const isOlder = direction === 'older'
  const all = page.status === null ? ORDER_STATUSES : [page.status]
  // only holds expire: there is no firm one to look for among them
  const statuses = isHold === false ? all.filter((status) => status !== 'EXPIRED') : all
  const values = [statuses, page.cursor ?? (isOlder ? NEWEST : OLDEST), sizeMax]
  const rows =
    reference === null
      ? await listOf(page)(on, ...values, ...[customerId, sku].filter((value) => value !== null))
      : await referenceLists[direction](on, ...values, reference, customerId, sku, isHold)
  const ids = rows.map(({ id }) => id)
  return isOlder ? ids : ids.reverse()
}

type Direction = OrderPage['direction']

function listOf({ customerId, sku, status, isHold, direction }: OrderPage) {
  const filters = [customerId === null ? '' : 'customer', sku === null ? '' : 'sku'].filter(
    (name) => name !== '',
  )
  // holds have an index, which is shorter than the lines of a popular SKU
  const isByLine = sku !== null && customerId === null && isHold !== true && !PASSING.includes(status)
  const kind: Kind = isHold === null ? 'any' : isHold ? 'hold' : 'firm'
  return lists.get(nameOf(direction, kind, [...filters, ...(isByLine ? ['line'] : [])]))!
}

/** Whether orders of a list expire, with the condition that says so. */
const KINDS = { any: '', hold: 'orders.expires_at is not null', firm: 'orders.expires_at is null' } as const
type Kind = keyof typeof KINDS

const lists = new Map(
  (['older', 'newer'] as const).flatMap((direction) =>
    (['any', 'hold', 'firm'] as const).flatMap((kind) => [
      named(direction, kind, [], byState(direction, kind, [])),
      named(direction, kind, ['customer'], byState(direction, kind, ['customer'])),
      named(direction, kind, ['sku'], byState(direction, kind, ['sku'])),
      named(direction, kind, ['customer', 'sku'], byState(direction, kind, ['customer', 'sku'])),
      ...(kind === 'hold' ? [] : [named(direction, kind, ['sku', 'line'], byLine(direction, kind))]),
    ]),
  ),
)

const referenceLists = {
  older: prepare<unknown[], { id: string }>('list-older-reference-orders', byReference('older')),
  newer: prepare<unknown[], { id: string }>('list-newer-reference-orders', byReference('newer')),
}

function named(direction: Direction, kind: Kind, filters: readonly string[], text: string) {
  const name = nameOf(direction, kind, filters)
  return [name, prepare<unknown[], { id: string }>(`list-${name}-orders`, text)] as const
}

function nameOf(direction: Direction, kind: Kind, filters: readonly string[]): string {
  return [direction, ...(kind === 'any' ? [] : [kind]), ...filters].join('-')
}

/**
 * Reads a page of each state and merges them. Each is a range of an index that begins with the filter and the state. A plain
 * `order by id` may walk the primary key: if few orders match, PostgreSQL reads the whole table (0.3 to 0.6 s of 1,100,000
 * orders), and only its statistics tell it how many match.
 */
function byState(direction: Direction, kind: Kind, filters: readonly string[]): string {
  const [beyond, within, sort] = direction === 'older' ? ['<', '>=', 'desc'] : ['>', '<=', 'asc']
  const isOfHolds = kind === 'hold' && !filters.includes('customer')
  const conditions = filters.map((filter, index) => {
    if (filter === 'customer') return `and orders.customer_id = $${4 + index}`
    const line = `from order_lines where order_lines.order_id = orders.id and order_lines.sku = $${4 + index}`
    // of holds a value, which is looked up: what merely exists was joined, from all lines of the SKU for each state (1,600,072 rows)
    return isOfHolds ? `and (select true ${line})` : `and exists (select ${line})`
  })
  const range = (condition: string) => {
    const rangeOf = (columns: string, more: string) => `select ${columns} from orders
      where (orders.status, orders.id) ${beyond} (listed.status, $2::uuid) and orders.status ${within} listed.status
        ${condition} ${more} ${conditions.join(' ')}
      order by orders.status ${sort}, orders.id ${sort}`
    const isAlone = kind === 'firm' && filters.length === 0
    if (!isAlone) return `(${rangeOf('orders.id', kind === 'any' ? '' : `and ${KINDS[kind]}`)} limit $3::int)`
    // apart: by statistics of another time few orders are firm, and PostgreSQL read and sorted all (300,016 rows)
    return `(
      select orders.id from (${rangeOf('orders.status, orders.id, orders.expires_at', '')} offset 0) as orders
      where ${KINDS.firm}
      order by orders.status ${sort}, orders.id ${sort}
      limit $3::int
    )`
  }
  // the indexes of customers and of holds have every state; else open orders and those that are over have an index each
  const ranges =
    filters.includes('customer') || kind === 'hold'
      ? range('')
      : `${range("and orders.status < 'FAILED'")} union all ${range("and orders.status >= 'FAILED'")}`
  return `select page.id
  from unnest($1::order_status[]) as listed (status)
  cross join lateral (${ranges}) as page
  order by page.id ${sort}
  limit $3::int`
}

/**
 * Reads along the lines of a SKU, for states in which most orders are. No index has SKU and state, which would make each
 * change of a state write to it: where nearly all orders of a popular SKU are in another state, it reads them all.
 */
function byLine(direction: Direction, kind: Exclude<Kind, 'hold'>): string {
  const [beyond, within, sort] = direction === 'older' ? ['<', '>=', 'desc'] : ['>', '<=', 'asc']
  const conditions = {
    any: `(
      cardinality($1::order_status[]) = ${ORDER_STATUSES.length}
      or exists (select from orders where orders.id = order_lines.order_id and orders.status = any ($1))
    )`,
    // a value: PostgreSQL may join what merely exists, and by statistics of another time read every order
    firm: `(select orders.status = any ($1) and ${KINDS.firm} from orders where orders.id = order_lines.order_id)`,
  }
  return `select order_lines.order_id as id
  from order_lines
  where (order_lines.sku, order_lines.order_id) ${beyond} ($4, $2::uuid) and order_lines.sku ${within} $4
    and ${conditions[kind]}
  order by order_lines.sku ${sort}, order_lines.order_id ${sort}
  limit $3::int`
}

/**
 * Reads along the orders of one reference: a shop has few under one number, whatever else they are filtered by. `is true` keeps
 * the state from an index of its own: by statistics of another time PostgreSQL read every open order there (1,000,008 rows).
 */
function byReference(direction: Direction): string {
  const [beyond, within, sort] = direction === 'older' ? ['<', '>=', 'desc'] : ['>', '<=', 'asc']
  return `select orders.id
  from orders
  where (orders.reference, orders.id) ${beyond} ($4, $2::uuid) and orders.reference ${within} $4
    and (orders.status = any ($1::order_status[])) is true
    and ($5::text is null or orders.customer_id = $5)
    and ($7::boolean is null or (orders.expires_at is not null) = $7)
    and ($6::text is null or exists (select from order_lines where order_lines.order_id = orders.id and order_lines.sku = $6))
  order by orders.reference ${sort}, orders.id ${sort}
  limit $3::int`
}
