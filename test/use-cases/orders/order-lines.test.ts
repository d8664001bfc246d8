import { expect } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { type CreateOrderRequest, createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { findOrder, listOrders } from '../../../src/use-cases/orders/find-order.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

test.beforeAll(async ({ app }) => {
  for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 1_000 })
  await seed(app).location('WEST')
  await seed(app).location('CLOSED', { isActive: false })
})

const request = (over: Partial<CreateOrderRequest>): CreateOrderRequest => ({
  idempotencyKey: null,
  customerId: null,
  ...over,
})
const line = (sku: string, qty = 1) => ({ sku, qty })
const many = (count: number) => Array.from({ length: count }, (_, index) => line(`SKU-${index}`))

test('an order has its lines in the order of the input, its locations and its reference', async ({ app }) => {
  const lines = [line('C', 3), line('A', 1), line('B', 2)]
  const { order } = await createOrder(
    app,
    LOCAL_OPERATOR,
    request({ lines, locations: ['WEST', 'MAIN', 'WEST'], reference: 'web 4711' }),
  )
  expect(order).toMatchObject({
    lines,
    locations: ['WEST', 'MAIN'],
    reference: 'web 4711',
    status: 'PENDING',
  })
  expect(await findOrder(app, LOCAL_OPERATOR, order!.id)).toEqual(order)
  const [job] = await readJobs(app.pool, { orderIds: [order!.id] })
  expect(job!.payload.orders).toMatchObject([{ orderId: order!.id, lines: 3 }])
})

test('one line may be given without a list, and is the same under a key', async ({ app }) => {
  const idempotencyKey = 'short or long'
  const short = await createOrder(app, LOCAL_OPERATOR, request({ ...line('A', 2), idempotencyKey }))
  const long = await createOrder(app, LOCAL_OPERATOR, request({ lines: [line('A', 2)], idempotencyKey }))
  expect(long).toEqual(short)
  for (const other of [
    { lines: [line('A', 2), line('B')] },
    { ...line('A', 2), reference: 'x' },
    { ...line('A', 2), locations: ['MAIN'] },
  ]) {
    const { userErrors } = await createOrder(app, LOCAL_OPERATOR, request({ ...other, idempotencyKey }))
    expect(userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] }])
  }
})

test.for<[string, Partial<CreateOrderRequest>, [code: string, path: string][]]>([
  ['no lines', { lines: [] }, [['INVALID_LINES', 'lines']]],
  ['101 lines', { lines: many(101) }, [['INVALID_LINES', 'lines']]],
  ['neither lines nor a SKU', {}, [['INVALID_LINES', 'lines']]],
  ['a SKU without a quantity', { sku: 'A' }, [['INVALID_LINES', 'lines']]],
  ['both lines and a SKU', { ...line('A'), lines: [line('B')] }, [['INVALID_LINES', 'lines']]],
  ['the same SKU twice', { lines: [line('A'), line('B'), line('A')] }, [['DUPLICATE_SKU', 'lines.2.sku']]],
  ['nothing of a SKU', { lines: [line('A'), line('B', 0)] }, [['INVALID_QTY', 'lines.1.qty']]],
  ['too many of a SKU', { lines: [line('A', 1_000_001)] }, [['INVALID_QTY', 'lines.0.qty']]],
  ['too many, without a list', line('A', 1_000_001), [['INVALID_QTY', 'qty']]],
  ['an unknown SKU, without a list', line('NOPE'), [['UNKNOWN_SKU', 'sku']]],
  [
    'unknown SKUs among known ones',
    { lines: [line('A'), line('NOPE'), line('B'), line('NEITHER')] },
    [
      ['UNKNOWN_SKU', 'lines.1.sku'],
      ['UNKNOWN_SKU', 'lines.3.sku'],
    ],
  ],
  ['what can be no SKU', { lines: [line('A'), line('nul\0')] }, [['UNKNOWN_SKU', 'lines.1.sku']]],
  [
    'an unknown location and an inactive one',
    { lines: [line('A')], locations: ['MAIN', 'MAIN', 'NOWHERE', 'CLOSED'] },
    [
      ['UNKNOWN_LOCATION', 'locations.2'],
      ['UNKNOWN_LOCATION', 'locations.3'],
    ],
  ],
  ['no location at all', { lines: [line('A')], locations: [] }, [['UNKNOWN_LOCATION', 'locations']]],
  [
    'what can be no location',
    { lines: [line('A')], locations: ['a,b'] },
    [['UNKNOWN_LOCATION', 'locations.0']],
  ],
])('refuses %s, with the path, and uses up no key', async ([name, input, expected], { app }) => {
  const before = await app.prisma.order.count()
  const { order, userErrors } = await createOrder(
    app,
    LOCAL_OPERATOR,
    request({ ...input, idempotencyKey: name }),
  )
  expect(order).toBeNull()
  expect(userErrors.map(({ code, field }) => [code, field?.slice(1).join('.')])).toEqual(expected)
  expect(await app.prisma.order.count()).toBe(before)
  expect(await app.prisma.idempotencyKey.count({ where: { key: name } })).toBe(0)
})

test('a repeat finds its order also once its location takes no more orders', async ({ app }) => {
  await seed(app).location('SEASON')
  const call = () =>
    createOrder(
      app,
      LOCAL_OPERATOR,
      request({ lines: [line('A')], locations: ['SEASON'], idempotencyKey: 'season' }),
    )
  const { order } = await call()
  await seed(app).location('SEASON', { isActive: false })
  expect((await call()).order?.id).toBe(order!.id)
})

test.for(['', ' ', 'line\nbreak', 'x'.repeat(201)])(
  'refuses the reference %j',
  async (reference, { app }) => {
    await expect(
      createOrder(app, LOCAL_OPERATOR, request({ ...line('A'), reference })),
    ).rejects.toMatchObject({
      code: 'BAD_USER_INPUT',
    })
  },
)

test('orders of one and of many lines share a commit, and an unknown SKU fails its own order', async ({
  app,
}) => {
  const orders = [[line('A')], many(100), [line('A'), line('B'), line('C')], [line('B')]]
  const results = await Promise.all(
    orders.map((lines) => createOrder(app, LOCAL_OPERATOR, request({ lines }))),
  )
  expect(results.map(({ userErrors }) => userErrors.length)).toEqual([0, 100, 0, 0])
  const ids = results.flatMap(({ order }) => order?.id ?? [])
  expect(await readJobs(app.pool, { orderIds: ids })).toMatchObject([{ orderIds: ids }])
})

test('lines of one order and of others are never checked against the same stock', async ({ app }) => {
  for (const sku of ['X', 'Y']) await seed(app).item({ sku, available: 10 })
  const lines: [string, number][] = [
    ['X', 3],
    ['Y', 3],
  ]
  const ids: string[] = []
  for (let i = 0; i < 5; i++)
    ids.push((await seed(app).order({ lines: i % 2 ? lines.toReversed() : lines })).id)
  await Promise.all([reserveOrders(app, ids), reserveOrders(app, ids.toReversed())])
  const statuses = await Promise.all(
    ids.map(async (id) => (await findOrder(app, LOCAL_OPERATOR, id))!.status),
  )
  expect(statuses).toEqual([...Array(3).fill('RESERVED'), 'AWAITING_RESTOCK', 'AWAITING_RESTOCK'])
})

test('takes from the locations that it names alone, and not from inactive ones', async ({ app }) => {
  await seed(app).item({ sku: 'L', available: 5 })
  await seed(app).stock({ sku: 'L', location: 'WEST', qty: 2 })
  await seed(app).stock({ sku: 'L', location: 'CLOSED', qty: 9 })
  const west = await seed(app).order({ sku: 'L', qty: 2, locations: ['WEST'] })
  const more = await seed(app).order({ sku: 'L', qty: 1, locations: ['WEST'] })
  const both = await seed(app).order({ sku: 'L', qty: 5 })
  const rest = await seed(app).order({ sku: 'L', qty: 1 })
  const ids = [west, more, both, rest].map(({ id }) => id)
  await reserveOrders(app, ids)
  const statuses = await Promise.all(
    ids.map(async (id) => (await findOrder(app, LOCAL_OPERATOR, id))!.status),
  )
  expect(statuses).toEqual(['RESERVED', 'AWAITING_RESTOCK', 'RESERVED', 'AWAITING_RESTOCK'])
})

test('lists orders by the SKU of any line, in every state, to both ends', async ({ app }) => {
  for (const sku of ['P', 'Q']) await seed(app).item({ sku, available: 4 })
  const customerId = 'lister'
  const place = (lines: [string, number][]) => seed(app).order({ lines, customerId })
  const both = await place([
    ['P', 1],
    ['Q', 1],
  ])
  const short = await place([['Q', 9]])
  const pending = await place([
    ['Q', 1],
    ['P', 1],
  ])
  await reserveOrders(app, [both.id, short.id])
  const alice: Caller = { id: customerId, role: 'customer', expiresAt: null }
  for (const caller of [LOCAL_OPERATOR, alice]) {
    const list = (over: object) =>
      listOrders(app, caller, {
        sku: 'Q',
        status: null,
        cursor: null,
        direction: 'older',
        sizeMax: 10,
        ...over,
      })
    expect(await list({})).toEqual([pending.id, short.id, both.id])
    expect(await list({ sku: 'P' })).toEqual([pending.id, both.id])
    expect(await list({ status: 'RESERVED' })).toEqual([both.id])
    expect(await list({ status: 'AWAITING_RESTOCK' })).toEqual([short.id])
    expect(await list({ status: 'PENDING' })).toEqual([pending.id])
    expect(await list({ status: 'CANCELLED' })).toEqual([])
    expect(await list({ cursor: pending.id, sizeMax: 1 })).toEqual([short.id])
    expect(await list({ cursor: both.id, direction: 'newer', sizeMax: 1 })).toEqual([short.id])
    expect(await list({ direction: 'newer', sizeMax: 2 })).toEqual([short.id, both.id])
  }
})
