import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AVAILABLE_MAX } from '../../../src/domain/stock/stock.ts'
import type { ProblemCode } from '../../../src/http/rest/problem.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

const UNKNOWN = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

let server: TestApp
let http: FastifyInstance
let customer: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  customer = await serveRest(server.app, { caller: { id: 'alice', role: 'customer', expiresAt: null } })
  await seed(server.app).location('NORTH')
})

afterAll(async () => {
  await Promise.all([http.close(), customer.close()])
  await server.close()
})

function post(url: string, payload: object = {}, key?: string, on = http) {
  const headers = key === undefined ? {} : { 'idempotency-key': key }
  return on.inject({ method: 'POST', url, payload, headers })
}

let skuCount = 0

/** An order of lines of these quantities, of which more than enough is there or nothing at all. */
async function place({ qtys = [4], isShort = false, customerId = null as string | null } = {}) {
  const skus = qtys.map(() => `SKU-${++skuCount}`)
  for (const sku of skus) await seed(server.app).item({ sku, available: isShort ? 0 : 10 })
  const lines = skus.map((sku, index): [string, number] => [sku, qtys[index]!])
  const { id } = await seed(server.app).order({ lines, customerId })
  await reserveOrders(server.app, [id])
  return { id, skus, sku: skus[0]!, url: `/api/orders/${id}` }
}

/** An order of one line of 4 pieces, of which 3 are shipped. */
async function placeShipped() {
  const order = await place()
  const { sku, url } = order
  const answer = await post(`${url}/ship`, { lines: [{ sku, qty: 3 }] })
  return { ...order, shipmentId: answer.json().shipments[0].id as string }
}

async function stockOf(sku: string): Promise<{ available: number; reserved: number }> {
  const { available, reserved } = (await http.inject(`/api/inventory/${sku}`)).json()
  return { available, reserved }
}

describe('POST /api/orders/:id/cancel', () => {
  test('cancels all that is not shipped, once', async () => {
    const { url, sku } = await placeShipped()
    const answer = await post(`${url}/cancel`, { note: 'changed their mind' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.json()).toMatchObject({
      status: 'shipped',
      version: 4,
      lines: [{ sku, qty: 4, reserved: 0, waiting: 0, shipped: 3, cancelled: 1, returned: 0 }],
    })
    expect((await http.inject(url)).json()).toEqual(answer.json())
    expect(await stockOf(sku)).toEqual({ available: 7, reserved: 0 })
  })

  test('answers with an order that is cancelled already as it is', async () => {
    const { url, sku } = await place()
    const first = (await post(`${url}/cancel`)).json()
    expect(first).toMatchObject({ status: 'cancelled', version: 3 })
    expect((await post(`${url}/cancel`)).json()).toEqual(first)
    expect(await stockOf(sku)).toEqual({ available: 10, reserved: 0 })
  })

  test('cancels a part', async () => {
    const { url, skus } = await place({ qtys: [4, 5] })
    const answer = await post(`${url}/cancel`, { lines: [{ sku: skus[1], qty: 2 }] })
    expect(answer.json()).toMatchObject({
      status: 'reserved',
      lines: [{ reserved: 4 }, { reserved: 3, cancelled: 2 }],
    })
  })

  test('keeps who asked for it and the note', async () => {
    const { id, url } = await place({ customerId: 'alice' })
    await post(`${url}/cancel`, { note: 'no more' }, undefined, customer)
    const event = await server.app.prisma.orderEvent.findFirst({ where: { orderId: id, version: 3 } })
    expect(event).toMatchObject({ type: 'OrderCancelled', actor: 'alice', note: 'no more' })
  })
})

describe('POST /api/orders/:id/ship', () => {
  test('ships all that is reserved, with a shipment for each location', async () => {
    const { url, skus } = await place({ qtys: [4, 5] })
    await seed(server.app).stock({ sku: skus[1]!, location: 'NORTH', qty: 9 })
    const lines = [
      { sku: skus[0], qty: 4 },
      { sku: skus[1], qty: 5, location: 'NORTH' },
    ]
    const answer = await post(`${url}/ship`, { lines, reference: 'PARCEL-1' })
    expect(answer.statusCode).toBe(200)
    const order = answer.json()
    const shipment = { reference: 'PARCEL-1', undone_at: null, created_at: order.updated_at }
    expect(order).toMatchObject({ status: 'shipped', version: 3, lines: [{ shipped: 4 }, { shipped: 5 }] })
    expect(order.shipments).toHaveLength(2)
    expect(order.shipments).toEqual(
      expect.arrayContaining([
        { ...shipment, id: expect.any(String), location: 'MAIN', lines: [{ sku: skus[0], qty: 4 }] },
        { ...shipment, id: expect.any(String), location: 'NORTH', lines: [{ sku: skus[1], qty: 5 }] },
      ]),
    )
    expect((await http.inject(url)).json()).toEqual(order)
  })

  test('ships what is left from the location that is named', async () => {
    const { url, sku } = await placeShipped()
    await seed(server.app).stock({ sku, location: 'NORTH', qty: 1 })
    const order = (await post(`${url}/ship`, { location: 'NORTH' })).json()
    expect(order).toMatchObject({
      status: 'shipped',
      shipments: [{ location: 'MAIN' }, { location: 'NORTH' }],
    })
  })

  test('names the shipment in the ledger', async () => {
    const { sku, id, shipmentId } = await placeShipped()
    const { data } = (await http.inject(`/api/inventory/${sku}/movements`)).json()
    expect(data[0]).toMatchObject({
      type: 'SHIPMENT',
      delta: 0,
      reserved_delta: -3,
      reserved_after: 1,
      order_id: id,
      order_version: 3,
      shipment_id: shipmentId,
    })
  })
})

describe('POST /api/shipments/:id/undo', () => {
  test('restores the promise', async () => {
    const { url, sku, shipmentId } = await placeShipped()
    const answer = await post(`/api/shipments/${shipmentId}/undo`, { note: 'never left' })
    expect(answer.statusCode).toBe(200)
    const order = answer.json()
    expect(order).toMatchObject({
      status: 'reserved',
      version: 4,
      lines: [{ reserved: 4, shipped: 0 }],
      shipments: [{ id: shipmentId, undone_at: order.updated_at }],
    })
    expect((await http.inject(url)).json()).toEqual(order)
    expect(await stockOf(sku)).toEqual({ available: 6, reserved: 4 })
  })
})

describe('POST /api/orders/:id/return', () => {
  test('restocks or discards what was shipped', async () => {
    const { url, sku } = await placeShipped()
    const lines = [
      { sku, qty: 1 },
      { sku, qty: 2, disposition: 'DISCARD' },
    ]
    const answer = await post(`${url}/return`, { lines, location: 'NORTH', note: 'broken' })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      status: 'partially_shipped',
      version: 4,
      lines: [{ shipped: 3, returned: 3 }],
    })
    const { levels } = (await http.inject(`/api/inventory/${sku}`)).json()
    expect(levels).toMatchObject([
      { location: 'MAIN', available: 6, reserved: 1 },
      { location: 'NORTH', available: 1, reserved: 0 },
    ])
  })
})

/** A call that can be made, of an order of its own. */
type Call = { url: string; payload: object; other: object }

/** Each verb as a call that would succeed, and another of the same order. */
const VERBS: Record<string, () => Promise<Call>> = {
  cancel: async () => {
    const { url, sku } = await place()
    return { url: `${url}/cancel`, payload: { lines: [{ sku, qty: 1 }] }, other: {} }
  },
  ship: async () => {
    const { url, sku } = await place()
    return { url: `${url}/ship`, payload: { lines: [{ sku, qty: 1 }] }, other: {} }
  },
  undo: async () => {
    const { shipmentId } = await placeShipped()
    return { url: `/api/shipments/${shipmentId}/undo`, payload: {}, other: { note: 'another' } }
  },
  return: async () => {
    const { url, sku } = await placeShipped()
    return {
      url: `${url}/return`,
      payload: { lines: [{ sku, qty: 1 }] },
      other: { lines: [{ sku, qty: 2 }] },
    }
  },
}

describe.each(Object.entries(VERBS))('%s', (verb, prepare) => {
  /** Makes a call that is to be refused, under a key that is to be free afterwards. */
  async function refuse(url: string, payload: object, status: number, code: ProblemCode, on = http) {
    const before = await readEverything(server.app)
    const problem = expectProblem(await post(url, payload, `refused ${verb}`, on), status, code)
    expect(await readEverything(server.app)).toEqual(before)
    return problem
  }

  const pathOf = (id: string) => (verb === 'undo' ? `/api/shipments/${id}/undo` : `/api/orders/${id}/${verb}`)

  test('under one key is one call, which is answered with the order as it now is', async () => {
    const { url, payload } = await prepare()
    const key = `twice ${verb}`
    const first = (await post(url, payload, key)).json()
    await post(`/api/orders/${first.id}/cancel`)
    const repeat = await post(url, payload, `"${key}"`)
    expect(repeat.statusCode).toBe(200)
    expect(repeat.json()).toEqual((await http.inject(`/api/orders/${first.id}`)).json())
    expect(repeat.json().version).toBe(first.version + 1)
  })

  test('refuses a key that was used for another call', async () => {
    const { url, payload, other } = await prepare()
    const key = `reused ${verb}`
    expect((await post(url, payload, key)).statusCode).toBe(200)
    const before = await readEverything(server.app)
    const { errors } = expectProblem(await post(url, other, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expect(errors).toMatchObject([{ header: 'Idempotency-Key' }])
    // or of another verb
    await post('/api/order', { sku: `SKU-${skuCount}`, qty: 1 }, `order ${verb}`)
    expectProblem(await post(url, payload, `order ${verb}`), 422, 'IDEMPOTENCY_KEY_REUSED')
    const after = await readEverything(server.app)
    expect(after.shipments).toBe(before.shipments)
    expect(after.inventory_movements).toBe(before.inventory_movements)
  })

  test.each(['X-Idempotency-Key', 'Idempotency_Key', 'IdempotencyKey'])(
    'refuses a key in the header %s',
    async (name) => {
      const { url, payload } = await prepare()
      const before = await readEverything(server.app)
      const answer = await http.inject({ method: 'POST', url, payload, headers: { [name]: 'one' } })
      expectProblem(answer, 400, 'BAD_REQUEST')
      expect(await readEverything(server.app)).toEqual(before)
    },
  )

  test.each(['', '""', 'k'.repeat(256), 'schlüssel'])('refuses the key %j', async (key) => {
    const { url, payload } = await prepare()
    const before = await readEverything(server.app)
    const { errors } = expectProblem(await post(url, payload, key), 422, 'INVALID_IDEMPOTENCY_KEY')
    expect(errors).toMatchObject([{ header: 'Idempotency-Key' }])
    expect(await readEverything(server.app)).toEqual(before)
  })

  test('takes the version that the order has, and refuses another', async () => {
    const { url, payload } = await prepare()
    const version = verb === 'undo' || verb === 'return' ? 3 : 2
    for (const stale of [version - 1, version + 1, 0, -1]) {
      const problem = await refuse(url, { ...payload, expected_version: stale }, 409, 'STALE_EXPECTATION')
      expect(problem.errors).toMatchObject([{ pointer: '#/expected_version' }])
    }
    const answer = await post(url, { ...payload, expected_version: version }, `refused ${verb}`)
    expect(answer.statusCode).toBe(200)
    expect(answer.json().version).toBe(version + 1)
    // it is free for the next
    await server.app.prisma.idempotencyKey.deleteMany({ where: { key: `refused ${verb}` } })
  })

  test('answers 404 where there is none', async () => {
    const { payload } = await prepare()
    const code = verb === 'undo' ? 'UNKNOWN_SHIPMENT' : 'UNKNOWN_ORDER'
    for (const id of [UNKNOWN, 'not-a-uuid', 'a%00b', '1']) await refuse(pathOf(id), payload, 404, code)
    expectProblem(await post(pathOf('%zz'), payload), 404, 'NOT_FOUND')
  })

  test('refuses fields that it does not know, by name', async () => {
    const { url, payload } = await prepare()
    const problem = await refuse(url, { ...payload, idempotency_key: 'mine' }, 422, 'MALFORMED_BODY')
    expect(problem.errors).toEqual([
      { detail: 'This call has no "idempotency_key"', pointer: '#/idempotency_key' },
    ])
    await refuse(`${url}?dry_run=1`, payload, 400, 'BAD_REQUEST')
  })

  test.each(['1.5', '"2"', 'true', '2147483648', '1e400'])(
    'refuses the expected version %s',
    async (version) => {
      const { url, payload } = await prepare()
      const body = JSON.stringify({ ...payload, expected_version: 'VERSION' }).replace('"VERSION"', version)
      const headers = { 'content-type': 'application/json' }
      const answer = await http.inject({ method: 'POST', url, payload: body, headers })
      const { errors } = expectProblem(answer, 422, 'MALFORMED_BODY')
      expect(errors).toMatchObject([{ pointer: '#/expected_version' }])
    },
  )

  test.each(['', ' ', 'a\nb', 'a\0b', 'a\ud800', 'x'.repeat(501)])('refuses the text %j', async (text) => {
    const { url, payload } = await prepare()
    const field = verb === 'ship' ? 'reference' : 'note'
    const problem = await refuse(url, { ...payload, [field]: text }, 422, 'MALFORMED_BODY')
    expect(problem.errors).toMatchObject([{ pointer: `#/${field}` }])
  })

  test('reads its body as createOrder does', async () => {
    const { url } = await prepare()
    const send = (payload: string, type = 'application/json') =>
      http.inject({ method: 'POST', url, payload, headers: { 'content-type': type } })
    const before = await readEverything(server.app)
    expectProblem(await send('{}', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE')
    expectProblem(await http.inject({ method: 'POST', url }), 415, 'UNSUPPORTED_MEDIA_TYPE')
    expectProblem(await send(''), 400, 'MALFORMED_JSON')
    expectProblem(await send('{'), 400, 'MALFORMED_JSON')
    expectProblem(await send('{"__proto__":{}}'), 400, 'MALFORMED_JSON')
    expectProblem(await send('[]'), 422, 'MALFORMED_BODY')
    expectProblem(await send(`{"note":"${'x'.repeat(100_000)}"}`), 413, 'BODY_TOO_LARGE')
    expect(await readEverything(server.app)).toEqual(before)
  })

  test('a customer changes no order of another, and ships, undoes and returns none', async () => {
    const { url, payload } = await prepare()
    if (verb === 'cancel') {
      const detailOf = ({ detail }: Record<string, unknown>) => `${detail}`.replace(/"[^"]*"/, 'ID')
      const anothers = await refuse(url, payload, 404, 'UNKNOWN_ORDER', customer)
      const unknown = await refuse(pathOf(UNKNOWN), payload, 404, 'UNKNOWN_ORDER', customer)
      expect(detailOf(anothers)).toBe(detailOf(unknown))
    } else {
      await refuse(url, payload, 403, 'FORBIDDEN', customer)
      await refuse(pathOf(UNKNOWN), payload, 403, 'FORBIDDEN', customer)
    }
  })
})

describe.each(['cancel', 'ship', 'return'])('the lines of %s', (verb) => {
  const many = Array.from({ length: 101 }, (_, i) => ({ sku: `MANY-${i}`, qty: 1 }))
  test.each<[string, (sku: string) => object[], ProblemCode, pointer: string, limit?: number]>([
    ['none', () => [], 'INVALID_LINES', '#/lines'],
    ['101', () => many, 'INVALID_LINES', '#/lines'],
    ['a qty of 0', (sku) => [{ sku, qty: 0 }], 'INVALID_QTY', '#/lines/0/qty'],
    ['a qty of 1,000,001', (sku) => [{ sku, qty: 1_000_001 }], 'INVALID_QTY', '#/lines/0/qty'],
    [
      'a SKU twice',
      (sku) => [
        { sku, qty: 1 },
        { sku, qty: 1 },
      ],
      'DUPLICATE_SKU',
      '#/lines/1/sku',
    ],
    [
      'an unknown SKU',
      (sku) => [
        { sku, qty: 1 },
        { sku: 'NO', qty: 1 },
      ],
      'UNKNOWN_SKU',
      '#/lines/1/sku',
    ],
    ['more than would go', (sku) => [{ sku, qty: 5 }], 'QTY_EXCEEDED', '#/lines/0/qty', 4],
  ])('refuses %s', async (_, linesOf, code, pointer, limit) => {
    const { url, sku } = await place()
    if (verb === 'return') await post(`${url}/ship`)
    const before = await readEverything(server.app)
    const answer = await post(`${url}/${verb}`, { lines: linesOf(sku) }, `lines of ${verb}`)
    const problem = expectProblem(answer, 422, code)
    expect(problem.errors).toMatchObject([{ pointer }])
    expect(problem.limit).toBe(limit)
    expect(await readEverything(server.app)).toEqual(before)
  })

  test.each<[string, (sku: string) => unknown, pointer: string]>([
    ['an unknown field', (sku) => [{ sku, qty: 1, price: 1 }], '#/lines/0/price'],
    ['no SKU', () => [{ qty: 1 }], '#/lines/0/sku'],
    ['a qty that is a string', (sku) => [{ sku, qty: '1' }], '#/lines/0/qty'],
    ['no list', (sku) => ({ sku, qty: 1 }), '#/lines'],
  ])('answers 422 to another shape: %s', async (_, linesOf, pointer) => {
    const { url, sku } = await place()
    const { errors } = expectProblem(
      await post(`${url}/${verb}`, { lines: linesOf(sku) }),
      422,
      'MALFORMED_BODY',
    )
    expect(errors).toMatchObject([{ pointer }])
  })
})

describe('what cannot be done', () => {
  async function refuse(url: string, payload: object, status: number, code: ProblemCode) {
    const before = await readEverything(server.app)
    const problem = expectProblem(await post(url, payload, 'cannot be done'), status, code)
    expect(await readEverything(server.app)).toEqual(before)
    return problem
  }

  test('is a 409 in the wrong state', async () => {
    const short = await place({ isShort: true })
    await refuse(`${short.url}/ship`, {}, 409, 'WRONG_STATE')
    const reserved = await place()
    await refuse(`${reserved.url}/return`, { lines: [{ sku: reserved.sku, qty: 1 }] }, 409, 'WRONG_STATE')
    await post(`${reserved.url}/ship`)
    await refuse(`${reserved.url}/cancel`, {}, 409, 'WRONG_STATE')
    await refuse(`${reserved.url}/ship`, {}, 409, 'WRONG_STATE')
    const { shipmentId } = await placeShipped()
    await post(`/api/shipments/${shipmentId}/undo`)
    const problem = await refuse(`/api/shipments/${shipmentId}/undo`, {}, 409, 'WRONG_STATE')
    // the path names what is to blame
    expect(problem.errors).toBeUndefined()
  })

  test('names the limit of a shipment that more came back of than would be left', async () => {
    const { url, sku, shipmentId } = await placeShipped()
    await post(`${url}/return`, { lines: [{ sku, qty: 2 }] })
    const { limit } = await refuse(`/api/shipments/${shipmentId}/undo`, {}, 422, 'QTY_EXCEEDED')
    expect(limit).toBe(1)
  })

  test('names the limit of a location that has not enough', async () => {
    const { url, sku } = await place()
    await seed(server.app).stock({ sku, location: 'NORTH', qty: 2 })
    const lines = [{ sku, qty: 4, location: 'NORTH' }]
    const { limit, errors } = await refuse(`${url}/ship`, { lines }, 422, 'INSUFFICIENT_STOCK')
    expect(limit).toBe(2)
    expect(errors).toMatchObject([{ pointer: '#/lines/0/qty' }])
  })

  test.each(['NOWHERE', 'no place', ''])('refuses the location %j', async (location) => {
    const { url, sku } = await placeShipped()
    const atLine = [{ sku, qty: 1, location }]
    for (const [verb, payload, pointer] of [
      ['ship', { location }, '#/location'],
      ['ship', { lines: atLine }, '#/lines/0/location'],
      ['return', { lines: [{ sku, qty: 1 }], location }, '#/location'],
    ] as const) {
      const { errors } = await refuse(`${url}/${verb}`, payload, 422, 'UNKNOWN_LOCATION')
      expect(errors).toMatchObject([{ pointer }])
    }
  })

  test('refuses a disposition that it does not know', async () => {
    const { url, sku } = await placeShipped()
    const lines = [{ sku, qty: 1, disposition: 'SELL' }]
    const { errors } = await refuse(`${url}/return`, { lines }, 422, 'MALFORMED_BODY')
    expect(errors).toMatchObject([{ pointer: '#/lines/0/disposition' }])
    await refuse(`${url}/return`, {}, 422, 'MALFORMED_BODY')
  })

  test('refuses to bring stock beyond 2^53', async () => {
    const { url, sku, shipmentId } = await placeShipped()
    server.allowBreaches(
      'no ledger of a test comes to such quantities',
      'available is the sum of the movements',
      'each movement follows from the one before',
    )
    await server.app.prisma.stockLevel.updateMany({ where: { sku }, data: { available: AVAILABLE_MAX - 1n } })
    const { errors } = await refuse(`${url}/return`, { lines: [{ sku, qty: 1 }] }, 422, 'INVALID_QTY')
    expect(errors).toMatchObject([{ pointer: '#/lines' }])
    await refuse(`/api/shipments/${shipmentId}/undo`, {}, 422, 'INVALID_QTY')
  })
})
