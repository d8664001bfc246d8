import type pg from 'pg'
import { v7 as uuidv7 } from 'uuid'
import type { IfShort } from '../../src/domain/orders/order.ts'
import { DEFAULT_LOCATION } from '../../src/domain/stock/location.ts'
import { insertOrders } from '../../src/sql/orders/insert-orders.ts'

/** Orders that share a commit, and so a job, at 50 connections. */
const ORDERS_PER_COMMIT = 25
/** What each SKU has: more than any backlog wants, and within a movement's 32 bits. */
const AVAILABLE = 1_000_000_000

/**
 * Writes items with ample stock, each level by its receipt.
 *
 * @param locations made where there is none, with priorities in their order
 * @param available at each location
 */
export async function storeItems(
  client: pg.ClientBase,
  skus: readonly string[],
  available = AVAILABLE,
  locations: readonly string[] = [DEFAULT_LOCATION],
) {
  await client.query(
    `insert into locations (code, name, priority)
    select code, code, priority from unnest($1::text[]) with ordinality as input (code, priority)
    on conflict do nothing`,
    [locations],
  )
  await client.query(
    `with input as (
      select sku, location, $3::int as available
      from unnest($1::text[]) as skus (sku) cross join unnest($2::text[]) as locations (location)
    ), item as (
      insert into items (sku, name, is_out) select sku, sku, $3 = 0 from unnest($1::text[]) as skus (sku)
    ), level as (
      insert into stock_levels (sku, location, available, reserved) select sku, location, available, 0 from input
    )
    insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
    select sku, location, 'RECEIPT', available, 0, available, 0, now() from input where available > 0`,
    [skus, locations, available],
  )
}

/** The SKU of an order, or of each of its lines. */
export type OrderedSkus = string | readonly string[]

/** What orders of a backlog are, where they are not firm orders of one piece that ask suppliers. */
export type BacklogOptions = { qty?: number; ifShort?: IfShort; holdSeconds?: number }

/**
 * Writes orders with lines of one piece, and their events and jobs, by the statement that createOrder uses, and commits
 * them all at once.
 *
 * @param ordersPerJob orders of one statement, and so of one job
 * @returns the orders' ids
 */
export async function storeBacklog(
  client: pg.ClientBase,
  skus: readonly OrderedSkus[],
  ordersPerJob = ORDERS_PER_COMMIT,
  { qty = 1, ifShort = 'ASK_SUPPLIER', holdSeconds }: BacklogOptions = {},
): Promise<string[]> {
  const orders = skus.map((ordered) => ({
    id: uuidv7(),
    lines: [ordered].flat().map((sku) => ({ sku, qty })),
    locations: null,
    ifShort,
    holdSeconds: holdSeconds ?? null,
    reference: null,
    customerId: null,
    key: null,
    origin: { caller: 'bench' },
  }))
  const job = { createdAt: new Date() }
  await client.query('begin')
  for (let start = 0; start < orders.length; start += ordersPerJob) {
    await insertOrders(client, orders.slice(start, start + ordersPerJob), job)
  }
  await client.query('commit')
  return orders.map((order) => order.id)
}

/** `SKU-0`, `SKU-1`, … */
export function skuNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `SKU-${index}`)
}

/** As many picks as asked for, each item as often as any other. */
export function pickEvenly<Item>(items: readonly Item[], count: number): Item[] {
  return Array.from({ length: count }, (_, index) => items[index % items.length]!)
}

/** As many picks as asked for by Zipf's law: the k-th item 1/k times as often as the first. The same every time. */
export function pickByZipf<Item>(items: readonly Item[], count: number): Item[] {
  let sum = 0
  const sums = items.map((_, index) => {
    sum += 1 / (index + 1)
    return sum
  })
  const random = createRandom(1)
  return Array.from({ length: count }, () => {
    const point = random() * sum
    return items[sums.findIndex((upTo) => upTo > point)]!
  })
}

/** So many different items for each of `count` orders, each as likely as any other. The same every time. */
export function pickLines<Item>(items: readonly Item[], count: number, lines: number): Item[][] {
  const random = createRandom(1)
  return Array.from({ length: count }, () => {
    const picked = new Set<Item>()
    while (picked.size < lines) picked.add(items[Math.floor(random() * items.length)]!)
    return [...picked]
  })
}

/** mulberry32: numbers in [0, 1) that are the same for the same seed. */
function createRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
