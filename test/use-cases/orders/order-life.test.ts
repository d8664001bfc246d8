import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { SupplierOutcome } from '../../../src/domain/supplier/supplier-policy.ts'
import { findRequestsOf } from '../../../src/sql/supplier/supplier-requests.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { listLevels } from '../../../src/use-cases/stock/list-levels.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
const levelsOf = async (app: App, ...skus: string[]) => {
  const levels = await listLevels(app, LOCAL_OPERATOR, skus)
  return levels.map(({ sku, location, available, reserved }) => `${sku} ${location} ${available} ${reserved}`)
}
const settle = async (app: App, orderId: string, sku: string, outcome: SupplierOutcome) => {
  const request = (await findRequestsOf(app.pool, [orderId])).find((request) => request.sku === sku)!
  await settleSupplierOutcomes(app, [{ orderId, sku, step: request.step, outcome }])
}

test('an order of several lines is reserved, shipped in two parts, undone and returned', async ({ app }) => {
  await seed(app).location('WEST', { priority: 200 })
  await seed(app).item({ sku: 'A', available: 10 })
  await seed(app).item({ sku: 'B', available: 3, location: 'WEST' })
  const { id } = await seed(app).order({
    lines: [
      ['B', 2],
      ['A', 4],
    ],
  })
  await reserveOrders(app, [id])
  expect(await read(app, id)).toMatchObject({
    status: 'RESERVED',
    lines: [
      { sku: 'B', qty: 2, reserved: 2 },
      { sku: 'A', qty: 4, reserved: 4 },
    ],
  })
  expect(await levelsOf(app, 'A', 'B')).toEqual(['A MAIN 6 4', 'B WEST 1 2'])

  const part = await shipOrder(app, LOCAL_OPERATOR, {
    id,
    lines: [{ sku: 'A', qty: 1 }],
    idempotencyKey: 'part',
  })
  expect(part).toMatchObject({ order: { status: 'PARTIALLY_SHIPPED' }, shipments: [{ location: 'MAIN' }] })
  const rest = await shipOrder(app, LOCAL_OPERATOR, { id, reference: 'parcel 7' })
  expect(rest.order?.status).toBe('SHIPPED')
  expect(rest.shipments.map(({ location }) => location).sort()).toEqual(['MAIN', 'WEST'])
  expect(await levelsOf(app, 'A', 'B')).toEqual(['A MAIN 6 0', 'B WEST 1 0'])
  const again = await shipOrder(app, LOCAL_OPERATOR, {
    id,
    lines: [{ sku: 'A', qty: 1 }],
    idempotencyKey: 'part',
  })
  expect(again).toEqual({ order: await read(app, id), shipments: part.shipments, userErrors: [] })

  const undone = await undoShipment(app, LOCAL_OPERATOR, { id: part.shipments[0]!.id })
  expect(undone.order).toMatchObject({ status: 'PARTIALLY_SHIPPED', version: 5 })
  expect(await levelsOf(app, 'A')).toEqual(['A MAIN 6 1'])
  expect((await undoShipment(app, LOCAL_OPERATOR, { id: part.shipments[0]!.id })).userErrors[0]?.code).toBe(
    'WRONG_STATE',
  )

  const back = await returnOrder(app, LOCAL_OPERATOR, {
    id,
    lines: [
      { sku: 'A', qty: 1 },
      { sku: 'B', qty: 1, disposition: 'DISCARD' },
      { sku: 'B', qty: 1 },
    ],
    location: 'MAIN',
  })
  expect(back.order).toMatchObject({ status: 'PARTIALLY_SHIPPED', lines: [{ returned: 2 }, { returned: 1 }] })
  expect(await levelsOf(app, 'A', 'B')).toEqual(['A MAIN 7 1', 'B MAIN 1 0', 'B WEST 1 0'])
  const over = await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'A', qty: 3 }] })
  expect(over.userErrors).toMatchObject([
    { code: 'QTY_EXCEEDED', limit: 2n, field: ['input', 'lines', '0', 'qty'] },
  ])

  expect(await cancelOrder(app, LOCAL_OPERATOR, { id })).toMatchObject({ order: { status: 'SHIPPED' } })
  expect(await levelsOf(app, 'A')).toEqual(['A MAIN 8 0'])
})

test('what is there is held while suppliers are asked for the rest, and what they deliver is reserved', async ({
  app,
}) => {
  for (const [sku, available] of [
    ['A', 5],
    ['B', 0],
    ['C', 1],
  ] as const)
    await seed(app).item({ sku, available })
  const { id } = await seed(app).order({
    lines: [
      ['A', 5],
      ['B', 2],
      ['C', 3],
    ],
  })
  await reserveOrders(app, [id])
  expect(await read(app, id)).toMatchObject({
    status: 'AWAITING_RESTOCK',
    lines: [{ reserved: 5 }, { reserved: 0 }, { reserved: 0 }],
  })
  await settle(app, id, 'B', { kind: 'accepted', ref: 'b-1' })
  await settle(app, id, 'B', { kind: 'ok' })
  expect(await read(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 3 })
  await settle(app, id, 'C', { kind: 'accepted', ref: 'c-1' })
  await settle(app, id, 'C', { kind: 'ok' })
  expect(await read(app, id)).toMatchObject({ status: 'RESERVED', version: 4 })
  expect(await levelsOf(app, 'A', 'B', 'C')).toEqual(['A MAIN 0 5', 'B MAIN 0 2', 'C MAIN 1 3'])
})

test('one line that no supplier delivers fails the order, and a request outlives it', async ({ app }) => {
  for (const [sku, available] of [
    ['A', 5],
    ['B', 0],
    ['C', 1],
  ] as const)
    await seed(app).item({ sku, available })
  const { id } = await seed(app).order({
    lines: [
      ['A', 5],
      ['B', 2],
      ['C', 3],
    ],
  })
  await reserveOrders(app, [id])
  await settle(app, id, 'C', { kind: 'accepted', ref: 'c-1' })
  await settle(app, id, 'B', { kind: 'refused' })
  expect(await read(app, id)).toMatchObject({
    status: 'FAILED',
    failureReason: 'SUPPLIER_REFUSED',
    ending: 'FAILED',
  })
  expect(await levelsOf(app, 'A', 'B', 'C')).toEqual(['A MAIN 5 0', 'B MAIN 0 0', 'C MAIN 1 0'])
  await settle(app, id, 'C', { kind: 'ok' })
  expect(await levelsOf(app, 'C')).toEqual(['C MAIN 4 0'])
  expect(await read(app, id)).toMatchObject({ status: 'FAILED', version: 3 })
})
