import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { IfShort } from '../../src/domain/orders/order.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { findOrder } from '../../src/use-cases/orders/find-order.ts'
import { reserveOrders } from './reserve-orders.ts'

export type Lines = [sku: string, qty: number][]

export const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
export const statusesOf = async (app: App, ids: readonly string[]) =>
  Promise.all(ids.map(async (id) => (await read(app, id)).status))

/** Creates an order of one line of A, or of `lines`. */
export async function create(
  app: App,
  {
    qty = 1,
    lines = [['A', qty]] as Lines,
    ifShort = 'WAIT' as IfShort,
    holdSeconds = null as number | null,
    locations = null as string[] | null,
    customerId = null as string | null,
  } = {},
): Promise<string> {
  const { order } = await createOrder(app, LOCAL_OPERATOR, {
    lines: lines.map(([sku, qty]) => ({ sku, qty })),
    ifShort,
    holdSeconds,
    locations,
    customerId,
    idempotencyKey: null,
  })
  return order!.id
}

/** The same, and looks at it. */
export async function place(app: App, asked: Parameters<typeof create>[1] = {}): Promise<string> {
  const id = await create(app, asked)
  await reserveOrders(app, [id])
  return id
}

/** The SKUs whose queues are being served. */
export const marked = async (app: App): Promise<string[]> =>
  (await app.pool.query('select sku from serving order by sku')).rows.map(({ sku }) => sku)
