import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { cancelOrder } from '../../../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { listLevels } from '../../../../src/use-cases/stock/list-levels.ts'
import { settleSupplierOutcomes } from '../../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { sharedTest as test } from '../../../support/fixtures.ts'
import { joinTestApp, seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'
import { as, codesOf, newSku, read, reserved } from './reserved-orders.ts'

/** An order of two lines, of which the first is reserved and the second waits for its supplier. */
async function waiting(app: App) {
  const [there, short] = [newSku(), newSku()]
  await seed(app).item({ sku: there, available: 2 })
  await seed(app).item({ sku: short, available: 1 })
  const { id } = await seed(app).order({
    lines: [
      [there, 2],
      [short, 3],
    ],
  })
  await reserveOrders(app, [id])
  return { id, there, short }
}

describe('cancelOrder', () => {
  test('releases what was reserved, and a second time leaves the order as it is', async ({ app }) => {
    const { id, sku } = await reserved(app)
    const first = await cancelOrder(app, LOCAL_OPERATOR, { id, note: 'changed their mind' })
    expect(first.order).toMatchObject({ status: 'CANCELLED', ending: 'CANCELLED', version: 3 })
    expect(await readItem(app, sku)).toMatchObject({ available: 5n, reserved: 0n })
    expect(await cancelOrder(app, LOCAL_OPERATOR, { id })).toEqual({ ...first })
    const [, , event] = await app.prisma.orderEvent.findMany({
      where: { orderId: id },
      orderBy: { version: 'asc' },
    })
    expect(event).toMatchObject({
      type: 'OrderCancelled',
      lines: null,
      actor: 'anonymous',
      note: 'changed their mind',
    })
  })

  test('many times at once, and while it is shipped, releases or ships each piece once', async ({
    app,
    testApp,
  }) => {
    const other = await joinTestApp(testApp)
    for (let run = 0; run < 5; run++) {
      const { id, sku } = await reserved(app)
      const calls = Array.from({ length: 12 }, (_, i) =>
        i % 3 === 0
          ? shipOrder([app, other.app][i % 2]!, LOCAL_OPERATOR, { id })
          : cancelOrder([app, other.app][i % 2]!, LOCAL_OPERATOR, { id }),
      )
      await Promise.all(calls)
      const { status, version } = await read(app, id)
      expect(version).toBe(3)
      expect(await readItem(app, sku)).toMatchObject({
        available: status === 'SHIPPED' ? 1n : 5n,
        reserved: 0n,
      })
    }
    await other.close()
  })

  test('takes of a line what waits first, and then what is reserved', async ({ app }) => {
    const { id, there, short } = await waiting(app)
    const part = await cancelOrder(app, LOCAL_OPERATOR, {
      id,
      lines: [
        { sku: short, qty: 1 },
        { sku: there, qty: 1 },
      ],
    })
    expect(part.order).toMatchObject({
      status: 'AWAITING_RESTOCK',
      lines: [{ reserved: 1, cancelled: 1 }, { cancelled: 1 }],
    })
    const rest = await cancelOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: short, qty: 2 }] })
    expect(rest.order).toMatchObject({ status: 'RESERVED', version: 4 })
    expect(await readItem(app, there)).toMatchObject({ available: 1n, reserved: 1n })
  })

  test('after a part was shipped releases the rest alone', async ({ app }) => {
    const { id, sku } = await reserved(app)
    await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 3 }] })
    expect((await cancelOrder(app, LOCAL_OPERATOR, { id })).order).toMatchObject({
      status: 'SHIPPED',
      lines: [{ shipped: 3, cancelled: 1 }],
    })
    expect(await readItem(app, sku)).toMatchObject({ available: 2n, reserved: 0n })
    expect(codesOf([await cancelOrder(app, LOCAL_OPERATOR, { id })])).toEqual(['WRONG_STATE'])
  })

  test('leaves what a supplier brings afterwards, and what it frees, to other orders', async ({ app }) => {
    const { id, there, short } = await waiting(app)
    await cancelOrder(app, LOCAL_OPERATOR, { id })
    await settleSupplierOutcomes(app, [
      { orderId: id, sku: short, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
    ])
    await settleSupplierOutcomes(app, [{ orderId: id, sku: short, step: 2, outcome: { kind: 'ok' } }])
    expect(await read(app, id)).toMatchObject({
      status: 'CANCELLED',
      version: 3,
      lines: [{ reserved: 0 }, { reserved: 0 }],
    })
    expect(await readItem(app, there)).toMatchObject({ available: 2n, reserved: 0n })
    expect(await readItem(app, short)).toMatchObject({ available: 4n, reserved: 0n })
  })

  test('of an order that was not looked at yet keeps it from being reserved', async ({ app }) => {
    const sku = newSku()
    await seed(app).item({ sku, available: 2 })
    const { id } = await seed(app).order({ sku, qty: 2 })
    await cancelOrder(app, LOCAL_OPERATOR, { id })
    await reserveOrders(app, [id])
    expect(await read(app, id)).toMatchObject({ status: 'CANCELLED', version: 2 })
    expect(await readItem(app, sku)).toMatchObject({ available: 2n })
  })
})

describe('shipOrder', () => {
  test('ships nothing while a part waits, and no more than is reserved', async ({ app }) => {
    const { id: short } = await waiting(app)
    const { id, sku } = await reserved(app)
    const results = [
      await shipOrder(app, LOCAL_OPERATOR, { id: short }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 5 }] }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [] }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'NOPE', qty: 1 }] }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 0 }] }),
      await shipOrder(app, LOCAL_OPERATOR, { id, location: 'NOWHERE' }),
      await shipOrder(app, LOCAL_OPERATOR, { id, location: 'no\0where' }),
    ]
    expect(codesOf(results)).toEqual([
      'WRONG_STATE',
      'QTY_EXCEEDED',
      'INVALID_LINES',
      'UNKNOWN_SKU',
      'INVALID_QTY',
      'UNKNOWN_LOCATION',
      'UNKNOWN_LOCATION',
    ])
    expect(results[1]!.userErrors[0]).toMatchObject({ limit: 4n, field: ['input', 'lines', '0', 'qty'] })
    expect(await read(app, id)).toMatchObject({ status: 'RESERVED', version: 2 })
  })

  test('from a location that is named takes the promise for the rest over', async ({ app }) => {
    await seed(app).location('EAST')
    const { id, sku } = await reserved(app, { qty: 3 })
    await seed(app).stock({ sku, location: 'EAST', qty: 2 })
    const tooMuch = await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 3, location: 'EAST' }] })
    expect(tooMuch.userErrors).toMatchObject([{ code: 'INSUFFICIENT_STOCK', limit: 2n }])
    const { shipments } = await shipOrder(app, LOCAL_OPERATOR, {
      id,
      lines: [{ sku, qty: 2 }],
      location: 'EAST',
    })
    expect(shipments).toMatchObject([{ location: 'EAST', lines: [{ sku, qty: 2 }] }])
    const levels = await listLevels(app, LOCAL_OPERATOR, [sku])
    expect(levels).toMatchObject([
      { location: 'EAST', available: 0n, reserved: 0n },
      { location: 'MAIN', available: 3n, reserved: 1n },
    ])
  })

  test('many orders at once take no more over than a location has', async ({ app }) => {
    await seed(app).location('NORTH', { isActive: false })
    const sku = newSku()
    await seed(app).item({ sku, available: 10 })
    const ids: string[] = []
    for (let i = 0; i < 5; i++) ids.push((await seed(app).order({ sku, qty: 2 })).id)
    await reserveOrders(app, ids)
    await seed(app).location('NORTH', { isActive: true })
    await seed(app).stock({ sku, location: 'NORTH', qty: 5 })
    const results = await Promise.all(
      ids.map((id) => shipOrder(app, LOCAL_OPERATOR, { id, location: 'NORTH' })),
    )
    expect(codesOf(results).toSorted()).toEqual([...Array(3).fill('INSUFFICIENT_STOCK'), 'done', 'done'])
    expect(await listLevels(app, LOCAL_OPERATOR, [sku])).toMatchObject([
      { location: 'MAIN', available: 4n, reserved: 6n },
      { location: 'NORTH', available: 1n, reserved: 0n },
    ])
  })
})

test('an undone shipment restores the promise, once, and not for what came back', async ({ app }) => {
  const { id, sku } = await reserved(app)
  const { shipments } = await shipOrder(app, LOCAL_OPERATOR, { id })
  const shipment = { id: shipments[0]!.id }
  await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }] })
  expect((await undoShipment(app, LOCAL_OPERATOR, shipment)).userErrors).toMatchObject([
    { code: 'QTY_EXCEEDED', limit: 3n },
  ])

  const other = await reserved(app)
  const { shipments: made } = await shipOrder(app, LOCAL_OPERATOR, { id: other.id })
  const undo = () => undoShipment(app, LOCAL_OPERATOR, { id: made[0]!.id })
  expect(codesOf(await Promise.all([undo(), undo(), undo()])).toSorted()).toEqual([
    'WRONG_STATE',
    'WRONG_STATE',
    'done',
  ])
  expect(await read(app, other.id)).toMatchObject({
    status: 'RESERVED',
    lines: [{ reserved: 4, shipped: 0 }],
  })
  expect(await readItem(app, other.sku)).toMatchObject({ available: 1n, reserved: 4n })
  const unknown = ['0199c0de-0000-7000-8000-000000000001', 'x', other.id]
  for (const id of unknown) {
    expect(codesOf([await undoShipment(app, LOCAL_OPERATOR, { id })])).toEqual(['UNKNOWN_SHIPMENT'])
  }
})

test('no more comes back than was shipped, to where it was shipped from or where the caller says', async ({
  app,
}) => {
  await seed(app).location('BACK')
  const { id, sku } = await reserved(app)
  const early = await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }] })
  await shipOrder(app, LOCAL_OPERATOR, { id })
  const more = await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 5 }], location: 'BACK' })
  expect(codesOf([early, more])).toEqual(['WRONG_STATE', 'QTY_EXCEEDED'])
  expect(more.userErrors[0]).toMatchObject({ limit: 4n })
  // nothing was made where it would have come to
  expect(await listLevels(app, LOCAL_OPERATOR, [sku])).toMatchObject([{ location: 'MAIN' }])
  await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }] })
  await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 2 }], location: 'BACK' })
  await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1, disposition: 'DISCARD' }] })
  expect(await read(app, id)).toMatchObject({ status: 'SHIPPED', lines: [{ returned: 4 }] })
  expect(await listLevels(app, LOCAL_OPERATOR, [sku])).toMatchObject([
    { location: 'BACK', available: 2n },
    { location: 'MAIN', available: 2n },
  ])
})

test('what comes back comes to where the first left, whatever the clocks of the processes that shipped it', async ({
  app,
}) => {
  const { id, sku } = await reserved(app)
  await seed(app).location('LATER')
  await seed(app).stock({ sku, location: 'LATER', qty: 2 })
  const lines = [{ sku, qty: 2 }]
  const first = (await shipOrder(app, LOCAL_OPERATOR, { id, lines })).shipments[0]!
  await shipOrder(app, LOCAL_OPERATOR, { id, lines, location: 'LATER' })
  const ahead = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
  await app.pool.query('update shipments set id = $2 where id = $1', [first.id, ahead])
  await app.pool.query('update inventory_movements set shipment_id = $2 where shipment_id = $1', [
    first.id,
    ahead,
  ])
  await returnOrder(app, LOCAL_OPERATOR, { id, lines })
  expect(await listLevels(app, LOCAL_OPERATOR, [sku])).toMatchObject([
    { location: 'LATER', available: 0n },
    { location: 'MAIN', available: 5n },
  ])
})

test('a version that is no longer so changes nothing', async ({ app }) => {
  const { id, sku } = await reserved(app)
  const results = [
    await cancelOrder(app, LOCAL_OPERATOR, { id, expectedVersion: 1 }),
    await shipOrder(app, LOCAL_OPERATOR, { id, expectedVersion: 3 }),
    await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }], expectedVersion: 1 }),
    await shipOrder(app, LOCAL_OPERATOR, { id, expectedVersion: 2 }),
  ]
  expect(codesOf(results)).toEqual(['STALE_EXPECTATION', 'STALE_EXPECTATION', 'STALE_EXPECTATION', 'done'])
})

test("a customer cancels its own order, knows of no other's, and neither ships nor takes back", async ({
  app,
}) => {
  const { id: own } = await reserved(app, { customerId: 'alice' })
  const { id: another, sku } = await reserved(app, { customerId: 'bob' })
  const ids = [another, '0199c0de-0000-7000-8000-000000000001', 'no uuid', 'nul\0']
  for (const id of ids)
    expect(codesOf([await cancelOrder(app, as('customer'), { id })])).toEqual(['UNKNOWN_ORDER'])
  expect((await cancelOrder(app, as('customer'), { id: own })).order).toMatchObject({ status: 'CANCELLED' })
  const lines = [{ sku, qty: 1 }]
  const forbidden = { code: 'FORBIDDEN' }
  await expect(shipOrder(app, as('customer'), { id: own })).rejects.toMatchObject(forbidden)
  await expect(undoShipment(app, as('customer'), { id: own })).rejects.toMatchObject(forbidden)
  await expect(returnOrder(app, as('customer'), { id: own, lines })).rejects.toMatchObject(forbidden)
  expect((await shipOrder(app, as('service'), { id: another })).order).toMatchObject({ status: 'SHIPPED' })
  expect((await read(app, another)).version).toBe(3)
})

test('calls for many orders share a transaction, and a refused one fails alone', async ({ app }) => {
  const orders = await Promise.all(Array.from({ length: 8 }, () => reserved(app)))
  const transactions: string[] = []
  const { onTransaction } = app
  app.onTransaction = (run) => {
    transactions.push(run.name)
    onTransaction(run)
  }
  const results = await Promise.all(
    orders.map(({ id, sku }, i) =>
      shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: i === 3 ? 9 : 1 }] }),
    ),
  )
  app.onTransaction = onTransaction
  expect(codesOf(results)).toEqual(['done', 'done', 'done', 'QTY_EXCEEDED', 'done', 'done', 'done', 'done'])
  expect(transactions).toEqual(['change-orders'])
})
