import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { createApp } from '../../src/create-app.ts'
import { migrate } from '../../src/database/migrate.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { sweep } from '../../src/use-cases/upkeep/sweep.ts'
import { assertInvariants } from '../support/assert-invariants.ts'
import { createEarlierDatabase } from '../support/earlier-version.ts'
import { startTestWorker } from '../support/harness.ts'
import { changeJobs, untilNoJobs } from '../support/queue.ts'
import { playSupplier } from '../support/supplier.ts'

const supplier = playSupplier()
beforeAll(() => supplier.start())
afterAll(() => supplier.stop())

const SHOP = { id: 'shop', role: 'service', expiresAt: null } as const

/** An application on a database that the version before lines filled. What it leaves keeps every invariant. */
async function takeOver() {
  const databaseUrl = await createEarlierDatabase()
  await migrate(databaseUrl)
  await assertInvariants(databaseUrl)
  const { app, close } = await createApp({
    databaseUrl,
    logger: createLogger('silent'),
    supplierPolicy: { recheckDelayMs: 1, recheckLimit: 2, recheckFactor: 1, attemptsMax: 3, retryBaseMs: 1 },
  })
  onTestFinished(async () => {
    await close()
    await assertInvariants(databaseUrl)
  })
  /** By the idempotency key, which says what became of it. */
  const idOf = async (key: string): Promise<string> => {
    const { rows } = await app.pool.query('select order_id as id from idempotency_keys where key = $1', [key])
    return rows[0]!.id
  }
  return { app, databaseUrl, idOf }
}

test('orders that were under way end, and the supplier is asked as it was before', async () => {
  const { app, databaseUrl, idOf } = await takeOver()
  await changeJobs(app.pool, { dueInMs: 0 })
  // one job is dead
  expect((await sweep(app)).buried).toEqual([await idOf('pending with a dead job')])
  const worker = await startTestWorker({ app, databaseUrl, allowBreaches: () => {}, close: async () => {} })
  onTestFinished(() => worker.stop())
  await untilNoJobs(app.pool)
  const { rows } = await app.pool.query(
    `select key, status::text from orders join idempotency_keys on order_id = orders.id
    where key like 'pending%' or key like 'asked%' or key like 'accepted%'
      or key in ('passed over', 'opened again and pending', 'opened again and asked')
    order by orders.id`,
  )
  expect(Object.fromEntries(rows.map(({ key, status }) => [key, status]))).toEqual({
    'passed over': 'RESERVED',
    'asked again': 'RESERVED',
    accepted: 'RESERVED',
    'accepted and late': 'RESERVED',
    asked: 'RESERVED',
    'opened again and pending': 'RESERVED',
    'opened again and asked': 'RESERVED',
    pending: 'RESERVED',
    'pending beside it': 'RESERVED',
    'pending since 0.1': 'RESERVED',
    'pending with a dead job': 'FAILED',
    'pending while its worker is dead': 'RESERVED',
  })
  // under the order's id, and those that had accepted not once more
  const reserved = supplier.calls.flatMap((call) => (call.kind === 'reserve' ? [call] : []))
  for (const { orderId, key } of reserved) expect(key).toBe(orderId)
  expect(reserved.map(({ orderId }) => orderId)).toContain(await idOf('asked again'))
  expect(reserved.map(({ orderId }) => orderId)).not.toContain(await idOf('accepted'))
  expect(supplier.calls).toContainEqual({ kind: 'status', ref: 'ref-5' })
})

test('dead letters are retried: their orders get back what they gave up', async () => {
  const { app, databaseUrl, idOf } = await takeOver()
  const open = await app.prisma.deadLetter.findMany({ where: { retriedAt: null } })
  expect(open).not.toEqual([])
  const retried = await retryDeadLetters(
    app,
    LOCAL_OPERATOR,
    open.map(({ id }) => id),
  )
  expect(retried.toSorted()).toEqual(open.map(({ id }) => id).toSorted())
  await sweep(app)
  const worker = await startTestWorker({ app, databaseUrl, allowBreaches: () => {}, close: async () => {} })
  onTestFinished(() => worker.stop())
  await changeJobs(app.pool, { dueInMs: 0 })
  await untilNoJobs(app.pool)
  for (const key of [
    'unreachable',
    'given up while pending',
    'given up while asking',
    'opened again and given up',
  ]) {
    const order = await app.prisma.order.findUniqueOrThrow({
      where: { id: await idOf(key) },
      include: { lines: true },
    })
    expect(order, key).toMatchObject({ status: 'RESERVED', lines: [{ cancelled: 0 }] })
    expect(order.lines[0]!.reserved, key).toBe(order.lines[0]!.qty)
  }
})

test('what was reserved is shipped and returned, or cancelled', async () => {
  const { app, idOf } = await takeOver()
  const id = await idOf('delivered')
  expect((await shipOrder(app, LOCAL_OPERATOR, { id })).order).toMatchObject({ status: 'SHIPPED' })
  const returned = await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'NONE', qty: 4 }] })
  expect(returned.order).toMatchObject({ status: 'SHIPPED', lines: [{ shipped: 4, returned: 4 }] })
  for (const key of ['reserved', 'accepted', 'pending']) {
    const { order } = await cancelOrder(app, LOCAL_OPERATOR, { id: await idOf(key) })
    expect(order, key).toMatchObject({ status: 'CANCELLED' })
  }
})

test('a call that is repeated under its key answers with its order, and another is refused', async () => {
  const { app, idOf } = await takeOver()
  const repeat = (qty: number) =>
    createOrder(app, SHOP, { sku: 'PLENTY', qty, idempotencyKey: 'reserved', customerId: null })
  expect(await repeat(2)).toMatchObject({ order: { id: await idOf('reserved'), status: 'RESERVED' } })
  expect(await repeat(3)).toMatchObject({ order: null, userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED' }] })
  const customer = { id: `O'Brien "the \\ 1st" ÄÖ 😀`, role: 'customer', expiresAt: null } as const
  expect(
    await createOrder(app, customer, {
      lines: [{ sku: 'PLENTY', qty: 3 }],
      idempotencyKey: 'reserved for a customer',
      customerId: null,
    }),
  ).toMatchObject({ order: { id: await idOf('reserved for a customer') } })
})
