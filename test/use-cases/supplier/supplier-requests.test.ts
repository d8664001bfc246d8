import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { DeadLetter } from '../../../src/domain/upkeep/dead-letter.ts'
import { failOrders } from '../../../src/use-cases/orders/fail-orders.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { listLevels } from '../../../src/use-cases/stock/list-levels.ts'
import { findSupplierCall } from '../../../src/use-cases/supplier/find-supplier-call.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { dropJobs, readJobs } from '../../support/queue.ts'
import { readItem, readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

let orderCount = 0
const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!

/** An order of a line that is there and two that are short, each of a SKU of its own. */
async function short(app: App, { locations = null as string[] | null } = {}) {
  const skus = ['THERE', 'ONE', 'TWO'].map((name) => `${name}-${++orderCount}`) as [string, string, string]
  for (const sku of skus) await seed(app).item({ sku })
  await seed(app).stock({ sku: skus[0], location: locations?.at(-1) ?? 'MAIN', qty: 2 })
  const { id } = await seed(app).order({ lines: skus.map((sku) => [sku, 2] as [string, number]), locations })
  await reserveOrders(app, [id])
  return { id, there: skus[0], one: skus[1], two: skus[2] }
}

const settle = async (app: App, orderId: string, sku: string, kind: 'ok' | 'refused' | 'fail') => {
  const { step } = await readRequest(app, orderId, sku)
  await settleSupplierOutcomes(app, [{ orderId, sku, step, outcome: { kind } }])
}

/** The dead letter of the first call for a line. */
const givenUp = (orderId: string, sku: string): DeadLetter => ({
  task: 'request-supplier',
  payload: { orderId, sku, step: 1 },
  error: 'x',
  attempts: 8,
})

test('each short line is asked for, under a key of its own, and a line that is there is not', async ({
  app,
}) => {
  const { id, one, two } = await short(app)
  const jobs = await readJobs(app.pool, { orderIds: [id], task: 'request-supplier' })
  expect(jobs.map(({ payload }) => payload)).toMatchObject([
    { orderId: id, sku: one, step: 1 },
    { orderId: id, sku: two, step: 1 },
  ])
  expect(await findSupplierCall(app, { orderId: id, sku: two, step: 1 })).toMatchObject({ qty: 2, lines: 3 })
  expect(await app.prisma.orderEvent.findFirst({ where: { orderId: id, version: 2 } })).toMatchObject({
    type: 'OrderAwaitingRestock',
    lines: [
      { sku: one, qty: 2, missing: 2 },
      { sku: two, qty: 2, missing: 2 },
    ],
  })
})

const refuse = (app: App, id: string, sku: string) => settle(app, id, sku, 'refused')
const giveUp = (app: App, id: string, sku: string) => failOrders(app, [givenUp(id, sku)])

test.for([
  ['refused', refuse],
  ['given up', giveUp],
] as const)('an order that is %s says what was missing when it failed', async ([, end], { app }) => {
  const sku = `SOME-${++orderCount}`
  await seed(app).item({ sku })
  await seed(app).stock({ sku, qty: 6 })
  const { id } = await seed(app).order({ sku, qty: 10 })
  await reserveOrders(app, [id])
  await seed(app).stock({ sku, qty: 1 })
  await end(app, id, sku)
  const events = await app.prisma.orderEvent.findMany({ where: { orderId: id }, orderBy: { version: 'asc' } })
  expect(events.slice(1).map(({ type, lines }) => [type, lines])).toEqual([
    ['OrderAwaitingRestock', [{ sku, qty: 10, missing: 4 }]],
    ['OrderFailed', [{ sku, qty: 10, missing: 3 }]],
  ])
})

test('what is delivered comes to the first location that the order names', async ({ app }) => {
  await seed(app).location('DOCK')
  const { id, one, two } = await short(app, { locations: ['DOCK', 'MAIN'] })
  await settleSupplierOutcomes(
    app,
    [one, two].map((sku) => ({ orderId: id, sku, step: 1, outcome: { kind: 'ok' } as const })),
  )
  // in one transaction it is one change
  expect(await read(app, id)).toMatchObject({ status: 'RESERVED', version: 3 })
  expect(await listLevels(app, LOCAL_OPERATOR, [one])).toMatchObject([
    { location: 'DOCK', available: 0n, reserved: 2n },
    { location: 'MAIN', available: 0n, reserved: 0n },
  ])
})

test('goods that come at the same moment as another line fails are free stock', async ({ app }) => {
  const { id, there, one, two } = await short(app)
  await settleSupplierOutcomes(app, [
    { orderId: id, sku: one, step: 1, outcome: { kind: 'ok' } },
    { orderId: id, sku: two, step: 1, outcome: { kind: 'fail' } },
  ])
  expect(await read(app, id)).toMatchObject({
    status: 'FAILED',
    failureReason: 'SUPPLIER_FAILED',
    version: 3,
  })
  expect(await readItem(app, one)).toMatchObject({ available: 2n, reserved: 0n })
  expect(await readItem(app, there)).toMatchObject({ available: 2n, reserved: 0n })
})

test('a supplier that refuses what was cancelled meanwhile fails nothing', async ({ app }) => {
  const { id, one, two } = await short(app)
  await cancelOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: one, qty: 2 }] })
  await settle(app, id, one, 'refused')
  expect(await read(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 3 })
  expect(await readRequest(app, id, one)).toMatchObject({ state: 'REFUSED', endedAt: expect.any(Date) })
  // more comes than still waits
  await cancelOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: two, qty: 1 }] })
  await settle(app, id, two, 'ok')
  expect(await read(app, id)).toMatchObject({
    status: 'RESERVED',
    lines: [{ reserved: 2 }, { cancelled: 2 }, { reserved: 1 }],
  })
  expect(await readItem(app, two)).toMatchObject({ available: 1n, reserved: 1n })
})

test('a call that is given up ends its request, and its order only while that waits for it', async ({
  app,
}) => {
  const { id, one, two } = await short(app)
  await failOrders(app, [givenUp(id, one)])
  expect(await read(app, id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  expect(await readRequest(app, id, one)).toMatchObject({ state: 'UNREACHABLE' })
  expect(await readRequest(app, id, two)).toMatchObject({ state: 'ASKED', step: 1 })
  await failOrders(app, [givenUp(id, one), givenUp(id, two)])
  expect(await readRequest(app, id, two)).toMatchObject({ state: 'UNREACHABLE' })
  expect(await app.prisma.deadLetter.count({ where: { orderId: id } })).toBe(1)
})

test('an order that is opened again asks anew for what failed, and waits for what is under way', async ({
  app,
}) => {
  const { id, there, one, two } = await short(app)
  await failOrders(app, [givenUp(id, one)])
  const [letter] = await app.prisma.deadLetter.findMany({ where: { orderId: id } })
  expect(await retryDeadLetters(app, LOCAL_OPERATOR, [letter!.id])).toEqual([letter!.id])
  expect(await read(app, id)).toMatchObject({
    status: 'PENDING',
    lines: [{ cancelled: 0 }, { cancelled: 0 }, { cancelled: 0 }],
  })
  await reserveOrders(app, [id])
  expect(await readRequest(app, id, one)).toMatchObject({ state: 'ASKED', step: 3 })
  expect(await readRequest(app, id, two)).toMatchObject({ state: 'ASKED', step: 1 })
  await settle(app, id, one, 'ok')
  await settle(app, id, two, 'ok')
  expect(await read(app, id)).toMatchObject({ status: 'RESERVED' })
  expect(await readItem(app, there)).toMatchObject({ available: 0n, reserved: 2n })
})

test('an order of which a part was cancelled before it asks anew gets what was asked for first, under the one key', async ({
  app,
}) => {
  const sku = `PART-${++orderCount}`
  await seed(app).item({ sku })
  const { id } = await seed(app).order({ sku, qty: 10 })
  await reserveOrders(app, [id])
  // it may have taken the order for 10, and its answer was lost
  await failOrders(app, [givenUp(id, sku)])
  const [letter] = await app.prisma.deadLetter.findMany({ where: { orderId: id } })
  await retryDeadLetters(app, LOCAL_OPERATOR, [letter!.id])
  await cancelOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 4 }] })
  await reserveOrders(app, [id])
  expect(await findSupplierCall(app, { orderId: id, sku, step: 3 })).toMatchObject({ qty: 10 })
  await settle(app, id, sku, 'ok')
  expect(await read(app, id)).toMatchObject({ status: 'RESERVED', lines: [{ reserved: 6, cancelled: 4 }] })
  expect(await readItem(app, sku)).toMatchObject({ available: 4n, reserved: 6n })
})

test('what an order that is given up would have taken is for others, and of them none asks for what came already', async ({
  app,
}) => {
  const [x, y, z] = ['X', 'Y', 'Z'].map((name) => `${name}-${++orderCount}`) as [string, string, string]
  for (const sku of [x, y, z]) await seed(app).item({ sku })
  const place = (lines: Record<string, number>) => seed(app).order({ lines: Object.entries(lines) })
  const first = await place({ [x]: 2, [y]: 2 })
  const second = await place({ [x]: 3 })
  const third = await place({ [x]: 1, [z]: 1 })
  await reserveOrders(app, [first.id, third.id])
  await failOrders(app, [givenUp(first.id, x), givenUp(third.id, z)])
  await settle(app, first.id, y, 'ok')
  await settle(app, third.id, x, 'ok')
  const taker = await place({ [y]: 2 })
  await reserveOrders(app, [taker.id])
  await seed(app).stock({ sku: x, qty: 2 })
  const letters = await app.prisma.deadLetter.findMany({ where: { orderId: { in: [first.id, third.id] } } })
  await retryDeadLetters(
    app,
    LOCAL_OPERATOR,
    letters.map(({ id }) => id),
  )
  await reserveOrders(app, [first.id, second.id, third.id])
  expect(await read(app, first.id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  expect(await read(app, second.id)).toMatchObject({ status: 'RESERVED' })
  expect(await read(app, third.id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  expect(await readRequest(app, third.id, x)).toMatchObject({ state: 'DELIVERED', step: 2 })
})

test('an order whose goods came while it had failed, and that others took, is for an operator to look at', async ({
  app,
}) => {
  const { id, one, two } = await short(app)
  await settleSupplierOutcomes(app, [
    { orderId: id, sku: two, step: 1, outcome: { kind: 'accepted', ref: 'r' } },
  ])
  await failOrders(app, [givenUp(id, one)])
  await settle(app, id, two, 'ok')
  const taker = await seed(app).order({ sku: two, qty: 2 })
  await reserveOrders(app, [taker.id])
  const open = async () =>
    (await app.prisma.deadLetter.findMany({ where: { orderId: id, retriedAt: null } }))[0]!
  await retryDeadLetters(app, LOCAL_OPERATOR, [(await open()).id])
  await reserveOrders(app, [id])
  expect(await read(app, id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  expect((await open()).error).toContain(`The supplier delivered ${two}`)
  const { lines } = await app.prisma.orderEvent.findFirstOrThrow({
    where: { orderId: id },
    orderBy: { version: 'desc' },
  })
  expect(lines).toMatchObject([{ qty: 2 }, { sku: one, missing: 2 }, { sku: two, missing: 2 }])
  // asked again it would confirm what came, and nothing more would
  expect(await readRequest(app, id, two)).toMatchObject({ state: 'DELIVERED' })
  await cancelOrder(app, LOCAL_OPERATOR, { id: taker.id })
  await retryDeadLetters(app, LOCAL_OPERATOR, [(await open()).id])
  await reserveOrders(app, [id])
  expect(await read(app, id)).toMatchObject({
    status: 'AWAITING_RESTOCK',
    lines: [{ reserved: 2 }, { reserved: 0 }, { reserved: 2 }],
  })
})

test('a request that lost its job gets one, also where its order has ended', async ({ app }) => {
  const { id: open, one, two } = await short(app)
  const { id: over } = await short(app)
  await cancelOrder(app, LOCAL_OPERATOR, { id: over })
  await sweep(app)
  await dropJobs(app.pool, { orderIds: [open, over] })
  const { requeued } = await sweep(app)
  expect(requeued.filter((id) => id === open || id === over).toSorted()).toEqual(
    [open, open, over, over].toSorted(),
  )
  const jobs = await readJobs(app.pool, { orderIds: [open] })
  expect(jobs.map(({ payload }) => payload.sku).toSorted()).toEqual([one, two].toSorted())
  expect((await sweep(app)).requeued).toEqual([])
})

test('a job of the version before, which names no SKU, is that of the one line', async ({ app }) => {
  const sku = `OLD-${++orderCount}`
  await seed(app).item({ sku })
  const { id } = await seed(app).order({ sku, qty: 2 })
  await reserveOrders(app, [id])
  expect(await findSupplierCall(app, { orderId: id, step: 1 })).toMatchObject({ sku, lines: 1 })
  await settleSupplierOutcomes(app, [{ orderId: id, step: 1, outcome: { kind: 'ok' } }])
  expect(await read(app, id)).toMatchObject({ status: 'RESERVED' })
})
