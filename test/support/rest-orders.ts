import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { eventually } from './harness.ts'

/** As promised: jobs of a killed worker are free again within 10 s, and then due. */
const RESCUE_LIMIT_MS = 15_000

type Body = Record<string, unknown>

/** @returns the id of the order, which is placed */
export async function placeOrder(url: string, sku: string): Promise<string> {
  const { status, body } = await tryOrder(url, sku)
  expect(status).toBe(201)
  return String(body.id)
}

/** The answer to an order, whatever it is. */
export async function tryOrder(url: string, sku: string): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${url}/api/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sku, qty: 2 }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

/** The order as `GET /api/orders/{id}` has it. */
export async function readOrder(url: string, id: string): Promise<Body> {
  const { status, body } = await get(url, `/api/orders/${id}`)
  expect(status).toBe(200)
  return body
}

/** @param sinceMs when the time began in which this is promised */
export async function untilOrder(
  url: string,
  id: string,
  status: string,
  sinceMs = performance.now(),
): Promise<void> {
  const limitMs = sinceMs + RESCUE_LIMIT_MS - performance.now()
  await eventually(async () => (await readOrder(url, id)).status === status, limitMs)
}

/** The answer to a GET, with its body where that is JSON. */
export async function get(url: string, path: string): Promise<{ status: number; body: Body }> {
  const response = await fetch(url + path)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, body: isJson ? JSON.parse(text) : {} }
}

const TABLES = [
  'orders',
  'order_lines',
  'order_events',
  'idempotency_keys',
  'stock_levels',
  'inventory_movements',
  'shipments',
  'supplier_requests',
]

/** Everything that a call may change, as text: two that are alike say that nothing changed between them. */
export async function readEverything({ pool }: Pick<App, 'pool'>): Promise<Record<string, string>> {
  const columns = TABLES.map(
    (table) =>
      `(select md5(coalesce(string_agg(${table}::text, e'\n' order by ${table}::text), '')) from ${table}) as ${table}`,
  )
  const { rows } = await pool.query(`select ${columns.join(', ')}`)
  return rows[0]
}
