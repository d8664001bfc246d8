import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, execute, subscribeBySse } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { expireHold, letHoldPass } from '../support/holds.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { readEverything } from '../support/rest-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'

const RESULT = 'order { id status version ifShort expiresAt failureReason } userErrors { code field }'
const CALLS = {
  createOrder: `mutation ($input: CreateOrderInput!) { createOrder(input: $input) { ${RESULT} } }`,
  confirmOrder: `mutation ($input: ConfirmOrderInput!) { confirmOrder(input: $input) { ${RESULT} } }`,
  extendHold: `mutation ($input: ExtendHoldInput!) { extendHold(input: $input) { ${RESULT} } }`,
}
type Call = keyof typeof CALLS

let server: RolesServer
beforeAll(async () => {
  server = await serveRoles()
  await seed(server.testApp.app).item({ sku: 'A', available: 100_000 })
  await seed(server.testApp.app).item({ sku: 'NONE' })
})
afterAll(() => server.close())

async function call(name: Call, input: object, who = 'operator') {
  const { data, errors } = await execute(server.as(who), CALLS[name], { input })
  expect(errors).toBeUndefined()
  return data[name]
}

/** A hold of Alice, reserved. */
async function hold({ customerId = 'alice' as string | null, holdSeconds = 600 } = {}): Promise<string> {
  const { app } = server.testApp
  const { id } = await seed(app).order({ sku: 'A', qty: 2, customerId, holdSeconds })
  await reserveOrders(app, [id])
  return id
}

describe('a hold', () => {
  it('says when it expires, and is confirmed by its customer', async () => {
    const before = Date.now()
    const { order, userErrors } = await call(
      'createOrder',
      { sku: 'A', qty: 1, holdSeconds: 600, ifShort: 'FAIL' },
      'customer',
    )
    expect(userErrors).toEqual([])
    expect(order).toMatchObject({ status: 'PENDING', ifShort: 'FAIL' })
    // the database's clock is that of this machine
    expect(Math.abs(Date.parse(order.expiresAt) - before - 600_000)).toBeLessThan(30_000)
    const confirmed = await call('confirmOrder', { id: order.id, expectedVersion: 1 }, 'customer')
    expect(confirmed.order).toMatchObject({ version: 2, expiresAt: null, status: 'PENDING' })
    const { data } = await execute(
      server.as('customer'),
      'query ($id: ID!) { order(id: $id) { events { type to } } }',
      { id: order.id },
    )
    expect(data.order.events).toEqual([
      { type: 'OrderCreated', to: 'PENDING' },
      { type: 'OrderConfirmed', to: 'PENDING' },
    ])
  })

  it('is extended from now on, and shortened', async () => {
    const id = await hold()
    for (const holdSeconds of [2_678_400, 1]) {
      const { order } = await call('extendHold', { id, holdSeconds }, 'customer')
      const left = Date.parse(order.expiresAt) - Date.now()
      expect(Math.abs(left - holdSeconds * 1_000)).toBeLessThan(30_000)
    }
  })

  it('is told of to its watcher: extended, then expired, which ends the stream', async () => {
    const id = await hold()
    const view = subscribeBySse(
      server.as('customer'),
      'subscription ($id: ID!) { orderStatusChanged(id: $id) { status version expiresAt events { type } } }',
      { id },
    )
    const next = async () => (await view.next())?.data.orderStatusChanged
    expect(await next()).toMatchObject({ status: 'RESERVED', version: 2 })
    const { order } = await call('extendHold', { id, holdSeconds: 60 })
    expect(await next()).toMatchObject({ version: 3, expiresAt: order.expiresAt })
    await expireHold(server.testApp.app, id)
    const expired = await next()
    expect(expired).toMatchObject({ status: 'EXPIRED', version: 4 })
    expect(expired.events.at(-1)).toEqual({ type: 'OrderExpired' })
    // it tells until when it could have been confirmed
    expect(Date.parse(expired.expiresAt)).toBeLessThan(Date.now())
    expect(await view.next()).toBeUndefined()
  })

  it('of what is not there fails, waits or asks, as it is told', async () => {
    const { app } = server.testApp
    for (const [ifShort, expected] of [
      ['FAIL', { status: 'FAILED', failureReason: 'OUT_OF_STOCK' }],
      ['WAIT', { status: 'AWAITING_RESTOCK', failureReason: null }],
      ['ASK_SUPPLIER', { status: 'AWAITING_RESTOCK', failureReason: null }],
    ] as const) {
      const { order } = await call('createOrder', { sku: 'NONE', qty: 1, ifShort, holdSeconds: 60 })
      await reserveOrders(app, [order.id])
      const { data } = await execute(
        server.as('service'),
        `query ($id: ID!) { order(id: $id) {
          status failureReason ifShort lines { supplierRequests { state } } events { lines { sku qty missing } }
        } }`,
        { id: order.id },
      )
      expect(data.order).toMatchObject({ ...expected, ifShort })
      expect(data.order.events[1].lines).toEqual([{ sku: 'NONE', qty: 1, missing: 1 }])
      expect(data.order.lines[0].supplierRequests).toHaveLength(ifShort === 'ASK_SUPPLIER' ? 1 : 0)
    }
  })

  it('is firm where neither is said', async () => {
    const { order } = await call('createOrder', { sku: 'A', qty: 1 })
    expect(order).toMatchObject({ ifShort: 'ASK_SUPPLIER', expiresAt: null })
    const nulls = await call('createOrder', { sku: 'A', qty: 1, ifShort: null, holdSeconds: null })
    expect(nulls.order).toMatchObject({ ifShort: 'ASK_SUPPLIER', expiresAt: null })
  })
})

describe('a call that is refused has a code and the path to the culprit, changes nothing and uses up no key', () => {
  const ids = {} as Record<
    'open' | 'firm' | 'confirmed' | 'past' | 'expired' | 'cancelled' | 'bobs' | 'nobodys',
    string
  >
  beforeAll(async () => {
    const { app } = server.testApp
    ids.open = await hold()
    ids.firm = (await seed(app).order({ sku: 'A', customerId: 'alice' })).id
    ids.confirmed = await hold()
    await call('confirmOrder', { id: ids.confirmed })
    ids.expired = await hold()
    await expireHold(app, ids.expired)
    ids.past = await hold()
    await letHoldPass(app, ids.past)
    ids.cancelled = await hold()
    await execute(
      server.as('operator'),
      'mutation ($id: ID!) { cancelOrder(input: { id: $id }) { order { status } } }',
      { id: ids.cancelled },
    )
    ids.bobs = await hold({ customerId: 'bob' })
    ids.nobodys = await hold({ customerId: null })
  })

  type Bad = [name: string, input: () => object, code: string, path: string]
  const unknown = '01890a5d-ac96-774b-bcce-b302099a8057'
  /** Of both verbs. */
  const badHolds = (more: object): Bad[] => [
    ['what is no hold', () => ({ id: ids.firm, ...more }), 'WRONG_STATE', 'id'],
    ['what is confirmed', () => ({ id: ids.confirmed, ...more }), 'WRONG_STATE', 'id'],
    ['what is cancelled', () => ({ id: ids.cancelled, ...more }), 'WRONG_STATE', 'id'],
    ['what has expired', () => ({ id: ids.expired, ...more }), 'HOLD_EXPIRED', 'id'],
    ['what is past, and not released yet', () => ({ id: ids.past, ...more }), 'HOLD_EXPIRED', 'id'],
    ["another's", () => ({ id: ids.bobs, ...more }), 'UNKNOWN_ORDER', 'id'],
    ["nobody's", () => ({ id: ids.nobodys, ...more }), 'UNKNOWN_ORDER', 'id'],
    ['an unknown order', () => ({ id: unknown, ...more }), 'UNKNOWN_ORDER', 'id'],
    ['what can be no order', () => ({ id: 'nul\0', ...more }), 'UNKNOWN_ORDER', 'id'],
    [
      'a stale version',
      () => ({ id: ids.open, ...more, expectedVersion: 1 }),
      'STALE_EXPECTATION',
      'expectedVersion',
    ],
  ]
  const TIMES = [0, -1, 2_678_401, 2_147_483_647, -2_147_483_648]
  const BAD: Record<Call, Bad[]> = {
    createOrder: TIMES.map((holdSeconds) => [
      `${holdSeconds} seconds`,
      () => ({ sku: 'A', qty: 1, holdSeconds }),
      'INVALID_HOLD',
      'holdSeconds',
    ]),
    confirmOrder: badHolds({}),
    extendHold: [
      ...badHolds({ holdSeconds: 60 }),
      ...TIMES.map(
        (holdSeconds): Bad => [
          `${holdSeconds} seconds`,
          () => ({ id: ids.open, holdSeconds }),
          'INVALID_HOLD',
          'holdSeconds',
        ],
      ),
    ],
  }
  const cases = (Object.keys(BAD) as Call[]).flatMap((name) =>
    BAD[name].map((bad) => [name, ...bad] as const),
  )

  it.each(cases)('%s: %s', async (name, _what, input, code, path) => {
    const { app } = server.testApp
    const before = await readEverything(app)
    const answer = await call(name, { ...input(), idempotencyKey: 'a key' }, 'customer')
    expect(answer).toEqual({ order: null, userErrors: [{ code, field: ['input', path] }] })
    expect(await readEverything(app)).toEqual(before)
  })

  it.each(['1.5', '1e400', '"60"', 'true', '[1]', '2147483648'])(
    'seconds that are no Int are an error of the call: %s',
    async (seconds) => {
      const { app } = server.testApp
      const before = await readEverything(app)
      for (const mutation of [
        `createOrder(input: { sku: "A", qty: 1, holdSeconds: ${seconds}, idempotencyKey: "a key" })`,
        `extendHold(input: { id: "${ids.open}", holdSeconds: ${seconds}, idempotencyKey: "a key" })`,
      ]) {
        const answer = await execute(server.as('customer'), `mutation { ${mutation} { order { id } } }`)
        expect(answer.data ?? null).toBeNull()
        expect(codesOf(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED'])
      }
      const input = { id: ids.open, holdSeconds: JSON.parse(seconds), idempotencyKey: 'a key' }
      const answer = await execute(server.as('customer'), CALLS.extendHold, { input })
      expect(answer.data ?? null).toBeNull()
      expect(codesOf(answer)).toEqual(['BAD_USER_INPUT'])
      expect(await readEverything(app)).toEqual(before)
    },
  )

  it('the key is free: the next call takes it', async () => {
    const { order } = await call(
      'extendHold',
      { id: ids.open, holdSeconds: 60, idempotencyKey: 'a key' },
      'customer',
    )
    expect(order).toMatchObject({ id: ids.open, version: 3 })
  })

  it('a key stands for one call', async () => {
    const id = await hold()
    const confirm = { id, idempotencyKey: 'confirm it' }
    const first = await call('confirmOrder', confirm)
    expect(await call('confirmOrder', confirm)).toEqual(first)
    const reused = [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] }]
    for (const [name, input] of [
      ['confirmOrder', { ...confirm, expectedVersion: 2 }],
      ['extendHold', { ...confirm, holdSeconds: 60 }],
      ['createOrder', { sku: 'A', qty: 1, idempotencyKey: 'confirm it' }],
    ] as const) {
      expect((await call(name, input)).userErrors).toEqual(reused)
    }
    const order = { sku: 'A', qty: 1, holdSeconds: 60, idempotencyKey: 'one order' }
    const { id: held } = (await call('createOrder', order)).order
    expect((await call('createOrder', { ...order, ifShort: 'ASK_SUPPLIER' })).order.id).toBe(held)
    for (const other of [{ holdSeconds: 61 }, { holdSeconds: null }, { ifShort: 'WAIT' }]) {
      expect((await call('createOrder', { ...order, ...other })).userErrors).toEqual(reused)
    }
  })
})
