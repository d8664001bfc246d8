import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { joinTestApp, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

let server: TestServer
/** Another process, which changes what the server reads. */
let other: TestApp
let order: Order
let shipmentId: string
let movementId: string
beforeAll(async () => {
  server = await serveTestApp()
  other = await joinTestApp(server.testApp)
  await seed(server.app).item({ sku: 'BOLT', available: 1_000 })
  order = await seed(server.app).order({ sku: 'BOLT', qty: 1_000 })
  await reserveOrders(server.app, [order.id])
  const one = [{ sku: 'BOLT', qty: 1 }]
  const { shipments } = await shipOrder(server.app, LOCAL_OPERATOR, { id: order.id, lines: one })
  shipmentId = shipments[0]!.id
  const { rows } = await server.app.pool.query('select max(id) as id from inventory_movements')
  movementId = String(rows[0].id)
})
afterAll(async () => {
  await other.close()
  await server.close()
})

/** Runs something while the order changes ahead of every statement: a piece of it is cancelled. */
async function whileItChanges<Result>(
  run: () => Promise<Result>,
): Promise<{ result: Result; changes: number }> {
  const query = pg.Client.prototype.query as (...args: unknown[]) => unknown
  let changes = 0
  let changing: Promise<unknown> | undefined
  const asked = vi.spyOn(pg.Client.prototype, 'query').mockImplementation(function (
    this: pg.Client,
    ...args: unknown[]
  ) {
    if (changing) return query.apply(this, args)
    changes++
    changing = cancelOrder(other.app, LOCAL_OPERATOR, { id: order.id, lines: [{ sku: 'BOLT', qty: 1 }] })
    return changing.then(() => {
      changing = undefined
      return query.apply(this, args)
    })
  } as never)
  try {
    return { result: await run(), changes }
  } finally {
    asked.mockRestore()
  }
}

const FIELDS = 'version lines { cancelled reserved } qty status events { version }'

it.each([
  ['order', 'query ($order: ID!) { order(id: $order) { FIELDS } }'],
  ['orders', '{ orders { edges { node { FIELDS } } } }'],
  ['node', 'query ($order: ID!) { node(id: $order) { ... on Order { FIELDS } } }'],
  [
    "a shipment's order",
    'query ($shipment: ID!) { node(id: $shipment) { ... on Shipment { order { FIELDS } } } }',
  ],
  [
    "a movement's order",
    'query ($movement: ID!) { node(id: $movement) { ... on InventoryMovement { order { FIELDS } } } }',
  ],
])(
  'shows by %s an order and its lines of one version, however often it changes meanwhile',
  async (_name, query) => {
    const variables = { order: order.id, shipment: shipmentId, movement: movementId }
    const { result, changes } = await whileItChanges(() =>
      execute(server, query.replace('FIELDS', FIELDS), variables),
    )
    expect(result.errors).toBeUndefined()
    expect(changes).toBeGreaterThan(1)
    const [, version, cancelled, reserved] = /"version":(\d+),"lines":\[{"cancelled":(\d+),"reserved":(\d+)/
      .exec(result.text)!
      .map(Number)
    // placed, reserved, a piece shipped, and then a piece less by each version
    expect(cancelled).toBe(version! - 3)
    expect(reserved).toBe(1_000 - 1 - cancelled!)
  },
)
