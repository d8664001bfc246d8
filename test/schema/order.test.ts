import { afterAll, beforeAll, expect, it } from 'vitest'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { readRequest } from '../support/read-stock.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const ORDER = `query ($id: ID!) {
  order(id: $id) {
    id sku qty status failureReason supplierRef version createdAt updatedAt
    inventoryItem { sku name available reserved onHand }
    events { type from to reason version at }
    movements { id sku type delta availableAfter reason actor createdAt order { id } }
  }
}`
const ISO_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
})
afterAll(() => server.close())

async function readOrder(id: string) {
  const { data, errors } = await execute(server, ORDER, { id })
  expect(errors).toBeUndefined()
  return data.order
}

it('shows an order whose stock was reserved, with its item, its history and what it took', async () => {
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  const { id } = await seed(server.app).order({ sku: 'BOLT', qty: 3 })
  await reserveOrders(server.app, [id])
  const at = expect.stringMatching(ISO_MS)
  expect(await readOrder(id)).toEqual({
    id,
    sku: 'BOLT',
    qty: 3,
    status: 'RESERVED',
    failureReason: null,
    supplierRef: null,
    version: 2,
    createdAt: at,
    updatedAt: at,
    inventoryItem: { sku: 'BOLT', name: 'BOLT', available: 7, reserved: 3, onHand: 10 },
    events: [
      { type: 'OrderCreated', from: null, to: 'PENDING', reason: null, version: 1, at },
      { type: 'OrderReserved', from: 'PENDING', to: 'RESERVED', reason: null, version: 2, at },
    ],
    movements: [
      {
        id: expect.stringMatching(/^\d+$/),
        sku: 'BOLT',
        type: 'RESERVATION',
        delta: -3,
        availableAfter: 7,
        reason: null,
        actor: null,
        createdAt: at,
        order: { id },
      },
    ],
  })
})

it("shows why an order failed, and the supplier's reference", async () => {
  await seed(server.app).item({ sku: 'RARE' })
  const { id } = await seed(server.app).order({ sku: 'RARE', qty: 1 })
  await reserveOrders(server.app, [id])
  await settle(id, { kind: 'accepted', ref: 'ref-7' })
  expect(await readOrder(id)).toMatchObject({ status: 'AWAITING_RESTOCK', supplierRef: 'ref-7', version: 2 })
  await settle(id, { kind: 'fail' })
  expect(await readOrder(id)).toMatchObject({
    status: 'FAILED',
    failureReason: 'SUPPLIER_FAILED',
    supplierRef: 'ref-7',
    version: 3,
    movements: [],
    events: [
      { type: 'OrderCreated' },
      { type: 'OrderAwaitingRestock', from: 'PENDING', to: 'AWAITING_RESTOCK' },
      { type: 'OrderFailed', from: 'AWAITING_RESTOCK', to: 'FAILED', reason: 'SUPPLIER_FAILED', version: 3 },
    ],
  })
})

it('finds the receipt before the reservation of an order that its supplier filled', async () => {
  await seed(server.app).item({ sku: 'SCARCE', available: 1 })
  const { id } = await seed(server.app).order({ sku: 'SCARCE', qty: 5 })
  await reserveOrders(server.app, [id])
  await settle(id, { kind: 'ok' })
  const { status, movements, inventoryItem } = await readOrder(id)
  expect(status).toBe('RESERVED')
  expect(movements).toMatchObject([
    { type: 'SUPPLIER_RECEIPT', delta: 5, availableAfter: 6 },
    { type: 'RESERVATION', delta: -5, availableAfter: 1 },
  ])
  expect(inventoryItem).toMatchObject({ available: 1, reserved: 5, onHand: 6 })
})

it('takes the id of an order in upper case', async () => {
  await seed(server.app).item({ sku: 'NUT', available: 1 })
  const { id } = await seed(server.app).order({ sku: 'NUT' })
  expect((await readOrder(id.toUpperCase())).id).toBe(id)
})

it.each([
  ['unknown', '01890a5d-ac96-774b-bcce-b302099a8057'],
  ['a number', '1'],
  ['empty', ''],
  ['a zero byte', '\u0000'],
  ['SQL', "' or 1=1 --"],
  ['in braces', '{01890a5d-ac96-774b-bcce-b302099a8057}'],
  ['10 kB long', 'x'.repeat(10_000)],
])('answers null for an id that is %s', async (_name, id) => {
  const { status, data, errors } = await execute(server, ORDER, { id })
  expect({ status, data, errors }).toEqual({ status: 200, data: { order: null }, errors: undefined })
})

it('refuses a query for a field that is not there, before anything runs', async () => {
  const answer = await execute(server, '{ order(id: "x") { id customer } }')
  expect(codesOf(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED'])
  expect(answer.data).toBeUndefined()
})

/** What the supplier's answer to the order's current call comes to. */
async function settle(orderId: string, outcome: SupplierOutcome): Promise<void> {
  const { sku, step } = await readRequest(server.app, orderId)
  await server.app.groups.settleSupplierOutcome.submit({ orderId, sku, step, outcome })
}
