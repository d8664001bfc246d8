import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import type { Caller } from '../../../src/domain/caller.ts'
import { type CreateOrderRequest, createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { joinTestApp, seed } from '../../support/harness.ts'

test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 1_000 })
})

const alice: Caller = { id: 'alice', role: 'service', expiresAt: null }
const bob: Caller = { id: 'bob', role: 'service', expiresAt: null }
const request = (over: Partial<CreateOrderRequest> = {}): CreateOrderRequest => ({
  sku: 'A',
  qty: 1,
  idempotencyKey: null,
  customerId: null,
  ...over,
})
const countOrders = (app: App) => app.prisma.order.count()

test('new orders, repeats, unknown SKUs and reused keys share a batch, and each gets its own answer', async ({
  app,
}) => {
  const first = await createOrder(app, alice, request({ idempotencyKey: 'k1' }))
  const before = await countOrders(app)
  const results = await Promise.all([
    createOrder(app, alice, request()),
    createOrder(app, alice, request({ idempotencyKey: 'k1' })),
    createOrder(app, alice, request({ sku: 'NOPE' })),
    createOrder(app, alice, request({ idempotencyKey: 'k1', qty: 2 })),
    createOrder(app, bob, request({ idempotencyKey: 'k1' })),
    createOrder(app, alice, request({ idempotencyKey: 'k2' })),
    createOrder(app, alice, request({ idempotencyKey: 'k2' })),
  ])
  expect(results.map(({ order, userErrors }) => order?.status ?? userErrors[0]?.code)).toEqual([
    'PENDING',
    'PENDING',
    'UNKNOWN_SKU',
    'IDEMPOTENCY_KEY_REUSED',
    'PENDING',
    'PENDING',
    'PENDING',
  ])
  expect(results[1]!.order!.id).toBe(first.order!.id)
  expect(results[4]!.order!.id).not.toBe(first.order!.id)
  expect(results[5]!.order!.id).toBe(results[6]!.order!.id)
  expect(await countOrders(app)).toBe(before + 3)
})

test('a look-up that fails after the commit fails its own caller, and doubles no neighbour', async ({
  app,
}) => {
  await createOrder(app, alice, request({ idempotencyKey: 'k3' }))
  const before = await countOrders(app)
  const original = app.pool.query.bind(app.pool)
  const failing = Object.assign(app.pool, {
    query: (config: { name?: string }, ...rest: unknown[]) =>
      config.name === 'find-keys'
        ? Promise.reject(Object.assign(new Error('canceling statement'), { code: '57014' }))
        : (original as (...args: unknown[]) => unknown)(config, ...rest),
  })
  const results = await Promise.allSettled([
    createOrder(app, alice, request()),
    createOrder(app, alice, request({ idempotencyKey: 'k3' })),
    createOrder(app, alice, request()),
  ])
  Object.assign(failing, { query: original })
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
  expect(await countOrders(app)).toBe(before + 2)
})

test('one key, sent many times at once to two processes, makes one order', async ({ app, testApp }) => {
  const other = await joinTestApp(testApp)
  const before = await countOrders(app)
  const results = await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      createOrder(i % 2 ? other.app : app, alice, request({ idempotencyKey: 'k4' })),
    ),
  )
  expect(new Set(results.map(({ order }) => order?.id)).size).toBe(1)
  expect(await countOrders(app)).toBe(before + 1)
  await other.close()
})

test('a statement that one order spoils is tried again order by order', async ({ app }) => {
  await app.pool.query('alter table order_lines add constraint no_thirteen check (qty <> 13)')
  const before = await countOrders(app)
  const results = await Promise.allSettled(
    [1, 13, 2, 3].map((qty) => createOrder(app, alice, request({ qty }))),
  )
  await app.pool.query('alter table order_lines drop constraint no_thirteen')
  expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
  expect(await countOrders(app)).toBe(before + 3)
})

test.for(['', ' ', 'a'.repeat(256), 'line\nbreak', 'nul\0', 'ünicode'])(
  'refuses the key %j',
  async (idempotencyKey, { app }) => {
    await expect(createOrder(app, alice, request({ idempotencyKey }))).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    })
  },
)
