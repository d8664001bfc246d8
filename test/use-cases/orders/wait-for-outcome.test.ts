import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeEach, describe, expect, vi } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { type CreateOrderRequest, createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const LONG_MS = 10_000

beforeEach<{ app: App }>(async ({ app }) => {
  if ((await app.prisma.inventoryItem.count()) === 0) {
    await seed(app).item({ sku: 'GIZMO', available: 10_000 })
    await seed(app).item({ sku: 'OTHER', available: 10_000 })
  }
})

const request = (part: Partial<CreateOrderRequest> = {}): CreateOrderRequest => ({
  ...(!part.lines && { sku: 'GIZMO', qty: 1 }),
  idempotencyKey: null,
  customerId: null,
  waitMs: LONG_MS,
  ...part,
})

/** An order whose caller waits, and when that was answered. */
async function order(app: App, part: Partial<CreateOrderRequest> = {}, caller: Caller = LOCAL_OPERATOR) {
  const startedAt = performance.now()
  const { order, userErrors } = await createOrder(app, caller, request(part))
  expect(userErrors).toEqual([])
  return { ...order!, tookMs: performance.now() - startedAt }
}

/** The newest order, once its caller waits. */
async function awaited(app: App): Promise<string> {
  await eventually(() => app.calls.waiting > 0)
  const { id } = await app.prisma.order.findFirstOrThrow({ orderBy: { id: 'desc' } })
  return id
}

function expectNothingLeft(app: App): void {
  expect(app.feed.watcherCount).toBe(0)
  expect(app.calls.waiting).toBe(0)
  expect(app.calls.count).toBe(0)
}

describe('a caller that waits', () => {
  test('is answered once its order is reserved, by this process', async ({ app }) => {
    const waiting = order(app)
    const id = await awaited(app)
    await reserveOrders(app, [id])
    expect(await waiting).toMatchObject({ id, status: 'RESERVED', version: 2 })
    expectNothingLeft(app)
  })

  test('and by another', async ({ testApp }) => {
    const other = await joinTestApp(testApp)
    const waiting = order(testApp.app)
    const id = await awaited(testApp.app)
    await reserveOrders(other.app, [id])
    const { tookMs, ...answered } = await waiting
    expect(answered).toMatchObject({ id, status: 'RESERVED', version: 2 })
    expect(tookMs).toBeLessThan(LONG_MS / 2)
    await other.close()
  })

  test('misses nothing that happens before it watches', async ({ app }) => {
    const watch: App['feed']['watch'] = async (caller, id, ...rest) => {
      await reserveOrders(app, [id])
      return app.feed.watch(caller, id, ...rest)
    }
    const { order: answered } = await createOrder(
      { ...app, groups: app.groups, feed: { watch } },
      LOCAL_OPERATOR,
      request(),
    )
    expect(answered).toMatchObject({ status: 'RESERVED', version: 2 })
  })

  test('waits on while its order changes and is PENDING all the same', async ({ app }) => {
    const lines = ['GIZMO', 'OTHER'].map((sku) => ({ sku, qty: 1 }))
    const waiting = order(app, { lines })
    const id = await awaited(app)
    await cancelOrder(app, LOCAL_OPERATOR, { id, lines: lines.slice(1) })
    await sleep(20)
    expect(app.calls.waiting).toBe(1)
    await reserveOrders(app, [id])
    expect(await waiting).toMatchObject({ id, status: 'RESERVED', version: 3 })
  })

  test('gets the order as it stands when the time is over', async ({ app }) => {
    const lines = ['GIZMO', 'OTHER'].map((sku) => ({ sku, qty: 1 }))
    const waiting = order(app, { lines, waitMs: 300 })
    const id = await awaited(app)
    await cancelOrder(app, LOCAL_OPERATOR, { id, lines: lines.slice(1) })
    const { tookMs, ...answered } = await waiting
    expect(answered).toMatchObject({ id, status: 'PENDING', version: 2 })
    expect(tookMs).toBeGreaterThan(295)
    expect(tookMs).toBeLessThan(LONG_MS / 2)
    expectNothingLeft(app)
  })

  test('waits no longer than the request that its call is of', async ({ app }) => {
    const { status, tookMs } = await order(app, { waitsUntilMs: performance.now() + 100 })
    expect(status).toBe('PENDING')
    expect(tookMs).toBeGreaterThan(95)
    expect(tookMs).toBeLessThan(LONG_MS / 2)
  })

  test('does not wait longer for a read that hangs', async ({ app }) => {
    const { promise: hangs, resolve } = Promise.withResolvers<void>()
    const read = app.groups.findOrder.submit.bind(app.groups.findOrder)
    vi.spyOn(app.groups.findOrder, 'submit').mockImplementation(async (id) => {
      await hangs
      return read(id)
    })
    const { status, tookMs } = await order(app, { waitMs: 100 })
    expect(status).toBe('PENDING')
    expect(tookMs).toBeLessThan(LONG_MS / 2)
    resolve()
    vi.restoreAllMocks()
    await eventually(() => app.feed.watcherCount === 0)
    expectNothingLeft(app)
  })

  test('is answered also where the order cannot be watched', async ({ app }) => {
    vi.spyOn(app.groups.findOrder, 'submit').mockRejectedValue(new Error('Connection terminated'))
    const { status, tookMs } = await order(app)
    vi.restoreAllMocks()
    expect(status).toBe('PENDING')
    expect(tookMs).toBeLessThan(LONG_MS / 2)
    expectNothingLeft(app)
  })

  test('is answered at once where it has nothing to wait for', async ({ app }) => {
    for (const waitMs of [0, null, undefined]) {
      expect((await order(app, { waitMs })).status).toBe('PENDING')
    }
    expect(await createOrder(app, LOCAL_OPERATOR, request({ sku: 'NOPE' }))).toMatchObject({
      order: null,
      userErrors: [{ code: 'UNKNOWN_SKU' }],
    })
  })

  test('holds no connection to the database, and no place of a call', async ({ app }) => {
    const caller = new AbortController()
    const waiting = Array.from({ length: 50 }, () =>
      app.calls.run(
        () => order(app, { disconnected: caller.signal }),
        () => Promise.reject(new Error('refused')),
      ),
    )
    await eventually(() => app.calls.waiting === 50 && app.pool.totalCount === app.pool.idleCount)
    expect(app.calls.count).toBe(0)
    caller.abort()
    await Promise.all(waiting)
    expectNothingLeft(app)
  })

  test('that hangs up leaves nothing', async ({ app }) => {
    const caller = new AbortController()
    const waiting = order(app, { disconnected: caller.signal })
    await awaited(app)
    await eventually(() => app.feed.watcherCount === 1)
    caller.abort()
    await eventually(() => app.feed.watcherCount + app.calls.waiting === 0)
    expect((await waiting).status).toBe('PENDING')
    expect((await order(app, { disconnected: caller.signal })).status).toBe('PENDING')
    expectNothingLeft(app)
  })

  test('is one too many: its order is created, and answered at once', async ({ app }) => {
    const full = { ...app, calls: { wait: async () => undefined } }
    const { order } = await createOrder(full, LOCAL_OPERATOR, request())
    expect(order).toMatchObject({ status: 'PENDING' })
    expect(await app.prisma.order.count({ where: { id: order!.id } })).toBe(1)
    expectNothingLeft(app)
  })
})

describe('a repeat under an idempotency key', () => {
  test('waits as the first call does, and is the same call however long it waits', async ({ app }) => {
    const idempotencyKey = randomUUID()
    const { id } = await order(app, { idempotencyKey, waitMs: 0 })
    const repeats = [1_000, 5_000, LONG_MS].map((waitMs) => order(app, { idempotencyKey, waitMs }))
    await eventually(() => app.calls.waiting === 3)
    await reserveOrders(app, [id])
    for (const repeat of await Promise.all(repeats))
      expect(repeat).toMatchObject({ id, status: 'RESERVED', version: 2 })
    const { tookMs, status } = await order(app, { idempotencyKey })
    expect(status).toBe('RESERVED')
    expect(tookMs).toBeLessThan(LONG_MS / 2)
  })

  test("is not told of another caller's order under the same key", async ({ app }) => {
    const idempotencyKey = randomUUID()
    const as = (id: string): Caller => ({ id, role: 'customer', expiresAt: null })
    const alice = order(app, { idempotencyKey }, as('alice'))
    const ofAlice = await awaited(app)
    const bob = order(app, { idempotencyKey, waitMs: 500 }, as('bob'))
    await eventually(() => app.calls.waiting === 2)
    await reserveOrders(app, [ofAlice])
    expect(await alice).toMatchObject({ id: ofAlice, customerId: 'alice', status: 'RESERVED' })
    const ofBob = await bob
    expect(ofBob).toMatchObject({ customerId: 'bob', status: 'PENDING', version: 1 })
    expect(ofBob.id).not.toBe(ofAlice)
  })
})

test('a caller whose token expires gets the order as it was until then', async ({ app }) => {
  const late: Caller = { id: 'alice', role: 'customer', expiresAt: new Date(Date.now() + 200) }
  const { status, tookMs } = await order(app, {}, late)
  expect(status).toBe('PENDING')
  expect(tookMs).toBeLessThan(LONG_MS / 2)
  expectNothingLeft(app)
})

test.for([-1, 10_001, 0.5, Number.NaN, Number.POSITIVE_INFINITY])(
  'a wait of %d ms is refused, and orders nothing',
  async (waitMs, { app }) => {
    const before = await app.prisma.order.count()
    const key = randomUUID()
    await expect(
      createOrder(app, LOCAL_OPERATOR, request({ waitMs, idempotencyKey: key })),
    ).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: 'waitMs must be 0 to 10000' })
    expect(await app.prisma.order.count()).toBe(before)
  },
)
