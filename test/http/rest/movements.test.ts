import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { encodeCursor } from '../../../src/cursor.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

let server: TestApp
let http: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
})

afterAll(async () => {
  await http.close()
  await server.close()
})

/** An item whose ledger has a receipt of 1,000 and then `orders` reservations of 1. */
async function seedLedger({ sku, orders }: { sku: string; orders: number }): Promise<string[]> {
  await seed(server.app).item({ sku, available: 1_000 })
  const ids: string[] = []
  for (let order = 0; order < orders; order++) ids.push((await seed(server.app).order({ sku })).id)
  await reserveOrders(server.app, ids)
  return ids
}

function get(sku: string, query: Record<string, string> = {}) {
  return http.inject({ url: `/api/inventory/${sku}/movements`, query })
}

test('lists what changed the stock, newest first', async () => {
  const [orderId] = await seedLedger({ sku: 'LEDGER', orders: 1 })

  const answer = await get('LEDGER')

  expect(answer.statusCode).toBe(200)
  const movement = {
    sku: 'LEDGER',
    location: 'MAIN',
    id: expect.stringMatching(/^\d+$/),
    shipment_id: null,
    reason: null,
    reference: null,
    created_at: expect.stringMatching(/Z$/),
  }
  expect(answer.json()).toEqual({
    data: [
      {
        ...movement,
        type: 'RESERVATION',
        delta: -1,
        reserved_delta: 1,
        available_after: 999,
        reserved_after: 1,
        order_id: orderId,
        order_version: 2,
        actor: null,
      },
      {
        ...movement,
        type: 'RECEIPT',
        delta: 1_000,
        reserved_delta: 0,
        available_after: 1_000,
        reserved_after: 0,
        order_id: null,
        order_version: null,
        actor: LOCAL_OPERATOR.id,
      },
    ],
    next_cursor: null,
  })
})

test('gives 20 movements unless told otherwise', async () => {
  await seedLedger({ sku: 'TWENTY', orders: 24 })
  const { data, next_cursor } = (await get('TWENTY')).json()
  expect(data).toHaveLength(20)
  expect((await get('TWENTY', { cursor: next_cursor })).json()).toMatchObject({
    data: { length: 5 },
    next_cursor: null,
  })
})

test('gives every movement once, page by page, while new ones come in', async () => {
  await seedLedger({ sku: 'PAGED', orders: 6 })
  const whole = (await get('PAGED')).json().data
  expect(whole).toHaveLength(7)

  const read: unknown[] = []
  let pages = 0
  for (let cursor: string | null = ''; cursor !== null; pages++) {
    const page: { data: unknown[]; next_cursor: string | null } = (
      await get('PAGED', { limit: '3', ...(cursor && { cursor }) })
    ).json()
    read.push(...page.data)
    cursor = page.next_cursor
    await reserveOrders(server.app, [(await seed(server.app).order({ sku: 'PAGED' })).id])
  }

  expect(read).toEqual(whole)
  expect(pages).toBe(3)
})

test('has no next page after one that is just full', async () => {
  await seedLedger({ sku: 'FULL', orders: 2 })
  expect((await get('FULL', { limit: '3' })).json()).toMatchObject({ data: { length: 3 }, next_cursor: null })
})

test('lists nothing of an item that never had stock', async () => {
  await seed(server.app).item({ sku: 'EMPTY' })
  expect((await get('EMPTY')).json()).toEqual({ data: [], next_cursor: null })
})

test('lists what changed the stock at one location', async () => {
  const { app } = server
  await seed(app).location('NORTH')
  await seed(app).item({ sku: 'PLACED', available: 5 })
  await seed(app).stock({ sku: 'PLACED', location: 'NORTH', qty: 7 })
  const deltasAt = async (query?: Record<string, string>) =>
    (await get('PLACED', query)).json().data.map(({ location, delta }: never) => [location, delta])
  expect(await deltasAt()).toEqual([
    ['NORTH', 7],
    ['MAIN', 5],
  ])
  expect(await deltasAt({ location: 'NORTH' })).toEqual([['NORTH', 7]])
  expect(await deltasAt({ location: 'MAIN' })).toEqual([['MAIN', 5]])
  for (const location of ['SOUTH', 'no place', '']) {
    expect(await deltasAt({ location })).toEqual([])
    expectProblem(await get('NOWHERE', { location }), 404, 'NOT_FOUND')
  }
})

test('refuses two locations', async () => {
  const url = '/api/inventory/WIDGET/movements?location=MAIN&location=NORTH'
  const { errors } = expectProblem(await http.inject(url), 400, 'BAD_REQUEST')
  expect(errors).toEqual([{ detail: 'Name one location', parameter: 'location' }])
})

test('writes numbers beyond 32 bits as they are', async () => {
  server.allowBreaches(
    'the ids and quantities are those that no ledger of a test comes to',
    'available is the sum of the movements',
    'each movement follows from the one before',
    'an item is low or out of stock as its levels say',
  )
  await seed(server.app).item({ sku: 'LARGE' })
  const largest = BigInt(Number.MAX_SAFE_INTEGER)
  await server.app.prisma.inventoryMovement.create({
    data: {
      sku: 'LARGE',
      locationCode: 'MAIN',
      type: 'ADJUSTMENT',
      delta: 1,
      reservedDelta: 0,
      availableAfter: largest,
      reservedAfter: 0n,
      createdAt: new Date(),
      id: 2n ** 62n,
    },
  })
  const [movement] = (await get('LARGE')).json().data
  expect(movement).toMatchObject({ id: '4611686018427387904', available_after: Number.MAX_SAFE_INTEGER })
})

test.each(['NOWHERE', 'empty', 'a%20b', 'a%00b', "a'b", '%zz', 'x'.repeat(500)])(
  'answers 404 to the SKU %s',
  async (sku) => {
    expectProblem(await get(sku), 404, 'NOT_FOUND')
  },
)

test.each(['0', '101', '-1', '1.5', '1e1', '0x10', ' 5', '', 'ten', '99999999999999999999'])(
  'refuses the limit "%s"',
  async (limit) => {
    const { errors } = expectProblem(await get('WIDGET', { limit }), 422, 'INVALID_LIMIT')
    expect(errors).toMatchObject([{ parameter: 'limit' }])
  },
)

test('refuses two limits', async () => {
  expectProblem(await http.inject('/api/inventory/WIDGET/movements?limit=1&limit=2'), 422, 'INVALID_LIMIT')
})

test.each(['1', '100'])('takes the limit %s', async (limit) => {
  await seed(server.app).item({ sku: `LIMIT-${limit}` })
  expect((await get(`LIMIT-${limit}`, { limit })).statusCode).toBe(200)
})

const encode = (id: string) => encodeCursor('movements:WIDGET', id)

test("refuses a cursor of another SKU's ledger", async () => {
  await seedLedger({ sku: 'ONE', orders: 2 })
  await seedLedger({ sku: 'TWO', orders: 2 })
  const { next_cursor: cursor } = (await get('ONE', { limit: '1' })).json()
  expect((await get('ONE', { limit: '1', cursor })).json()).toMatchObject({ data: [{ sku: 'ONE' }] })
  expectProblem(await get('TWO', { limit: '1', cursor }), 422, 'INVALID_CURSOR')
})

test.each([
  '',
  'x',
  '!!!',
  '1',
  '%00',
  encode('0'),
  encode('-1'),
  encode('01'),
  encode('1.5'),
  encode('1e3'),
  encode('word'),
  encode(String(2n ** 63n)),
  encode('9'.repeat(1_000)),
  `${encode('12')}=`,
  `${encode('12')}\0`,
  // as an earlier version wrote it
  'MTI',
  // another last letter with the same bytes
  encode('12').replace(/.$/, (last) => String.fromCharCode(last.charCodeAt(0) + 1)),
])('refuses the cursor "%s"', async (cursor) => {
  const { errors } = expectProblem(await get('WIDGET', { cursor }), 422, 'INVALID_CURSOR')
  expect(errors).toMatchObject([{ parameter: 'cursor' }])
})
