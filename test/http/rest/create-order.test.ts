import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { ProblemCode } from '../../../src/http/rest/problem.ts'
import { createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import fc from '../../support/properties.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/

let server: TestApp
let http: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  await seed(server.app).item({ sku: 'WIDGET', available: 10 })
})

afterAll(async () => {
  await http.close()
  await server.close()
})

function post(payload: unknown, headers: Record<string, string> = {}) {
  return http.inject({
    method: 'POST',
    url: '/api/order',
    headers: { 'content-type': 'application/json', ...headers },
    payload: typeof payload === 'string' ? payload : JSON.stringify(payload),
  })
}

async function countOrders(): Promise<number> {
  return server.app.prisma.order.count()
}

describe('POST /api/order', () => {
  test.each(['X-Idempotency-Key', 'Idempotency_Key', 'IdempotencyKey'])(
    'refuses a key in the header %s, under which a repeat would order again',
    async (name) => {
      const before = await countOrders()
      const answer = await post({ sku: 'WIDGET', qty: 1 }, { [name]: 'one' })
      expectProblem(answer, 400, 'BAD_REQUEST')
      expect(answer.json().detail).toContain('Idempotency-Key')
      expect(await countOrders()).toBe(before)
    },
  )

  test('answers 201 with the order and where to read it', async () => {
    const answer = await post({ sku: 'WIDGET', qty: 2 })

    expect(answer.statusCode).toBe(201)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    const order = answer.json()
    expect(order).toEqual({
      id: expect.stringMatching(UUID_V7),
      sku: 'WIDGET',
      qty: 2,
      lines: [{ sku: 'WIDGET', qty: 2, reserved: 0, waiting: 2, shipped: 0, cancelled: 0, returned: 0 }],
      reference: null,
      if_short: 'ASK_SUPPLIER',
      expires_at: null,
      status: 'pending',
      failure_reason: null,
      supplier_ref: null,
      shipments: [],
      version: 1,
      created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      updated_at: order.created_at,
    })
    expect(answer.headers.location).toBe(`/api/orders/${order.id}`)
    const read = await http.inject(answer.headers.location as string)
    expect(read.json()).toEqual(order)
  })

  test('runs the use-case: the order is in the database with its event', async () => {
    const { id } = (await post({ sku: 'WIDGET', qty: 1 })).json()
    const events = await server.app.prisma.orderEvent.findMany({ where: { orderId: id } })
    expect(events).toMatchObject([{ type: 'OrderCreated', to: 'PENDING', version: 1 }])
  })

  test.each(['application/json; charset=utf-8', 'APPLICATION/JSON'])(
    'takes the content type %s',
    async (type) => {
      expect((await post({ sku: 'WIDGET', qty: 1 }, { 'content-type': type })).statusCode).toBe(201)
    },
  )

  test('refuses fields that it does not know, by name', async () => {
    const before = await countOrders()
    const answer = await post({ sku: 'WIDGET', qty: 1, idempotency_key: 'mine', 'a/b~c': 1 })
    const { errors } = expectProblem(answer, 422, 'MALFORMED_BODY')
    expect(errors).toEqual([
      { detail: 'This call has no "idempotency_key"', pointer: '#/idempotency_key' },
      { detail: 'This call has no "a/b~c"', pointer: '#/a~1b~0c' },
    ])
    expect(await countOrders()).toBe(before)
  })

  test('refuses parameters that it does not know, by name', async () => {
    const headers = { 'content-type': 'application/json' }
    const payload = JSON.stringify({ sku: 'WIDGET', qty: 1 })
    const id = (await post({ sku: 'WIDGET', qty: 1 })).json().id
    for (const answer of [
      await http.inject({ method: 'POST', url: '/api/order?idempotency_key=1', headers, payload }),
      await http.inject(`/api/orders/${id}?idempotency_key=1`),
      await http.inject('/api/inventory/WIDGET/movements?idempotency_key=1'),
    ]) {
      const { errors } = expectProblem(answer, 400, 'BAD_REQUEST')
      expect(errors).toEqual([{ detail: 'This call has no "idempotency_key"', parameter: 'idempotency_key' }])
    }
  })

  test('answers a repeat under the same key with the same order as it stands', async () => {
    const key = { 'idempotency-key': 'repeat-1' }
    const { id } = (await post({ sku: 'WIDGET', qty: 1 }, key)).json()
    await reserveOrders(server.app, [id])

    const repeat = await post({ sku: 'WIDGET', qty: 1 }, key)

    expect(repeat.statusCode).toBe(201)
    expect(repeat.headers.location).toBe(`/api/orders/${id}`)
    expect(repeat.json()).toMatchObject({ id, status: 'reserved', version: 2 })
  })

  test('shares no keys with other callers', async () => {
    const theirs = await createOrder(
      server.app,
      { ...LOCAL_OPERATOR, id: 'another' },
      { sku: 'WIDGET', qty: 5, idempotencyKey: 'of-another', customerId: null },
    )
    const mine = await post({ sku: 'WIDGET', qty: 1 }, { 'idempotency-key': 'of-another' })
    expect(mine.statusCode).toBe(201)
    expect(mine.json().id).not.toBe(theirs.order?.id)
  })

  test('refuses a key that was used for another order', async () => {
    const key = { 'idempotency-key': 'reused-1' }
    await post({ sku: 'WIDGET', qty: 1 }, key)
    const { errors } = expectProblem(
      await post({ sku: 'WIDGET', qty: 2 }, key),
      422,
      'IDEMPOTENCY_KEY_REUSED',
    )
    expect(errors).toMatchObject([{ header: 'Idempotency-Key' }])
  })

  test('a refused call uses up no key', async () => {
    const key = { 'idempotency-key': 'unused-1' }
    expectProblem(await post({ sku: 'NOWHERE', qty: 1 }, key), 422, 'UNKNOWN_SKU')
    expectProblem(await post({ sku: 'WIDGET', qty: 0 }, key), 422, 'INVALID_QTY')
    expect((await post({ sku: 'WIDGET', qty: 1 }, key)).statusCode).toBe(201)
  })

  test.each([
    ['empty', ''],
    ['blank', '  '],
    ['too long', 'k'.repeat(256)],
    ['not ASCII', 'schlüssel'],
    ['a control character', 'a\tb'],
  ])('refuses a key that is %s', async (_, key) => {
    const answer = await post({ sku: 'WIDGET', qty: 1 }, { 'idempotency-key': key })
    const { errors } = expectProblem(answer, 422, 'INVALID_IDEMPOTENCY_KEY')
    expect(errors).toMatchObject([{ header: 'Idempotency-Key' }])
  })

  test.each([
    ['nothing', ''],
    ['half a value', '{"sku":"WIDGET"'],
    ['a word', 'order'],
    ['two values', '{"sku":"WIDGET","qty":1}{}'],
    ['a comment', '{"sku":"WIDGET","qty":1} // one'],
    ['NaN', '{"sku":"WIDGET","qty":NaN}'],
    ['a zero byte', '{"sku":"WIDGET\0","qty":1}'],
    ['a prototype', '{"sku":"WIDGET","qty":1,"__proto__":{"admin":true}}'],
    ['a hidden prototype', '{"sku":"WIDGET","qty":1,"\\u005f_proto__":{"admin":true}}'],
    ["a constructor's prototype", '{"sku":"WIDGET","qty":1,"constructor":{"prototype":{"admin":true}}}'],
  ])('answers 400 to a body that is not JSON: %s', async (_, body) => {
    const before = await countOrders()
    expectProblem(await post(body), 400, 'MALFORMED_JSON')
    expect(await countOrders()).toBe(before)
  })

  test.each([
    ['null', 'null', '#'],
    ['a string', '"WIDGET"', '#'],
    ['a list', '[{"sku":"WIDGET","qty":1}]', '#'],
    ['no sku', '{"qty":1}', '#/sku'],
    ['no qty', '{"sku":"WIDGET"}', '#/qty'],
    ['a sku of null', '{"sku":null,"qty":1}', '#/sku'],
    ['a sku that is a number', '{"sku":7,"qty":1}', '#/sku'],
    ['a qty of null', '{"sku":"WIDGET","qty":null}', '#/qty'],
    ['a qty that is a string', '{"sku":"WIDGET","qty":"1"}', '#/qty'],
    ['a qty that is a boolean', '{"sku":"WIDGET","qty":true}', '#/qty'],
    ['a qty that is a list', '{"sku":"WIDGET","qty":[1]}', '#/qty'],
    ['the last of two quantities', '{"sku":"WIDGET","qty":1,"qty":"1"}', '#/qty'],
    ['a deep nest', `{"sku":"WIDGET","qty":${'['.repeat(40_000)}${']'.repeat(40_000)}}`, '#/qty'],
  ])('answers 422 to a body of another shape: %s', async (_, body, pointer) => {
    const { errors } = expectProblem(await post(body), 422, 'MALFORMED_BODY')
    expect(errors).toMatchObject([{ pointer }])
  })

  test('takes lines, locations and a reference', async () => {
    await seed(server.app).location('EAST')
    await seed(server.app).item({ sku: 'LINE-A', available: 9, location: 'EAST' })
    await seed(server.app).item({ sku: 'LINE-B', available: 9 })
    const lines = [
      { sku: 'LINE-B', qty: 3 },
      { sku: 'LINE-A', qty: 2 },
    ]
    const answer = await post({ lines, locations: ['EAST'], reference: 'SHOP-1' })
    expect(answer.statusCode).toBe(201)
    const { id } = answer.json()
    await reserveOrders(server.app, [id])
    const rest = { shipped: 0, cancelled: 0, returned: 0 }
    expect((await http.inject(`/api/orders/${id}`)).json()).toMatchObject({
      sku: 'LINE-B',
      qty: 3,
      lines: [
        { sku: 'LINE-B', qty: 3, reserved: 0, waiting: 3, ...rest },
        { sku: 'LINE-A', qty: 2, reserved: 2, waiting: 0, ...rest },
      ],
      reference: 'SHOP-1',
      status: 'awaiting_restock',
      shipments: [],
    })
  })

  test('takes fields that are null as left out', async () => {
    const lines = [{ sku: 'WIDGET', qty: 1 }]
    const none = { locations: null, reference: null, customer_id: null }
    expect((await post({ sku: null, qty: null, lines, ...none })).statusCode).toBe(201)
    expect((await post({ sku: 'WIDGET', qty: 1, lines: null, ...none })).statusCode).toBe(201)
  })

  test('is the same call under a key in both forms, and with the key in quotes', async () => {
    const { id } = (await post({ sku: 'WIDGET', qty: 1 }, { 'idempotency-key': 'two-forms' })).json()
    const lines = [{ sku: 'WIDGET', qty: 1 }]
    expect((await post({ lines }, { 'idempotency-key': 'two-forms' })).json().id).toBe(id)
    expect((await post({ lines }, { 'idempotency-key': '"two-forms"' })).json().id).toBe(id)
    const another = [...lines, { sku: 'LINE-A', qty: 1 }]
    const answer = await post({ lines: another }, { 'idempotency-key': '"two-forms"' })
    expectProblem(answer, 422, 'IDEMPOTENCY_KEY_REUSED')
  })

  describe('of lines', () => {
    const line = (sku: string, qty = 1) => ({ sku, qty })
    const known = line('WIDGET')
    beforeAll(async () => {
      await seed(server.app).location('QUARANTINE', { isActive: false })
      for (let i = 0; i <= 100; i++) await seed(server.app).item({ sku: `MANY-${i}` })
    })
    const many = (count: number) => Array.from({ length: count }, (_, i) => line(`MANY-${i}`))

    test('takes 100', async () => {
      const answer = await post({ lines: many(100) })
      expect(answer.statusCode).toBe(201)
      expect(answer.json().lines).toHaveLength(100)
    })

    test.each<[string, object, ProblemCode, pointers: string[]]>([
      ['no lines', { lines: [] }, 'INVALID_LINES', ['#/lines']],
      ['101 lines', { lines: many(101) }, 'INVALID_LINES', ['#/lines']],
      ['both forms', { ...known, lines: [known] }, 'INVALID_LINES', ['#/lines']],
      ['a part of both forms', { qty: 1, lines: [known] }, 'INVALID_LINES', ['#/lines']],
      ['a SKU twice', { lines: [known, line('MANY-1'), known] }, 'DUPLICATE_SKU', ['#/lines/2/sku']],
      ['a qty of 0', { lines: [known, line('MANY-1', 0)] }, 'INVALID_QTY', ['#/lines/1/qty']],
      ['a qty of 1,000,001', { lines: [known, line('MANY-1', 1_000_001)] }, 'INVALID_QTY', ['#/lines/1/qty']],
      ['half a piece', { lines: [line('MANY-1', 0.5)] }, 'INVALID_QTY', ['#/lines/0/qty']],
      [
        'unknown SKUs among known ones',
        { lines: [known, line('NOWHERE'), line('MANY-1'), line('NOWHERE-EITHER')] },
        'UNKNOWN_SKU',
        ['#/lines/1/sku', '#/lines/3/sku'],
      ],
      ['what is no SKU', { lines: [known, line('a\0b')] }, 'UNKNOWN_SKU', ['#/lines/1/sku']],
      ['no locations', { lines: [known], locations: [] }, 'UNKNOWN_LOCATION', ['#/locations']],
      [
        'an unknown location',
        { lines: [known], locations: ['MAIN', 'NOWHERE'] },
        'UNKNOWN_LOCATION',
        ['#/locations/1'],
      ],
      [
        'an inactive location',
        { ...known, locations: ['QUARANTINE', 'MAIN'] },
        'UNKNOWN_LOCATION',
        ['#/locations/0'],
      ],
      [
        '101 locations',
        { ...known, locations: Array.from({ length: 101 }, (_, index) => `PLACE-${index}`) },
        'UNKNOWN_LOCATION',
        ['#/locations'],
      ],
      [
        'what is no SKU, among unknown ones',
        { lines: [line('NOWHERE'), line('a b')] },
        'UNKNOWN_SKU',
        ['#/lines/0/sku', '#/lines/1/sku'],
      ],
      ['what is no location', { ...known, locations: ['a b'] }, 'UNKNOWN_LOCATION', ['#/locations/0']],
    ])('refuses %s: nothing changes, and no key is used up', async (name, body, code, pointers) => {
      const key = { 'idempotency-key': `bad ${name}` }
      const before = await readEverything(server.app)
      const problem = expectProblem(await post(body, key), 422, code)
      expect(problem.errors).toMatchObject(pointers.map((pointer) => ({ pointer })))
      expect(await readEverything(server.app)).toEqual(before)
      expect((await post(known, key)).statusCode).toBe(201)
    })

    test.each<[string, object, pointer: string]>([
      ['an unknown field of a line', { lines: [known, { ...known, price: 1 }] }, '#/lines/1/price'],
      ['a line without a SKU', { lines: [{ qty: 1 }] }, '#/lines/0/sku'],
      ['a line without a qty', { lines: [known, { sku: 'MANY-1' }] }, '#/lines/1/qty'],
      ['a qty that is a string', { lines: [{ sku: 'WIDGET', qty: '1' }] }, '#/lines/0/qty'],
      ['lines that are no list', { lines: known }, '#/lines'],
      ['a line that is null', { lines: [null] }, '#/lines/0'],
      ['a location that is a number', { ...known, locations: [1] }, '#/locations/0'],
      ['a blank reference', { ...known, reference: ' ' }, '#/reference'],
      ['a reference of two lines', { ...known, reference: 'a\nb' }, '#/reference'],
      ['a reference that is too long', { ...known, reference: 'x'.repeat(201) }, '#/reference'],
    ])('answers 422 to a body of another shape: %s', async (_, body, pointer) => {
      const before = await readEverything(server.app)
      const { errors } = expectProblem(await post(body), 422, 'MALFORMED_BODY')
      expect(errors).toMatchObject([{ pointer }])
      expect(await readEverything(server.app)).toEqual(before)
    })
  })

  test.each(['0', '-1', '-0', '1.5', '0.999999', '1000001', '1e400', '-1e400', '9007199254740993', '5e-324'])(
    'refuses the quantity %s',
    async (qty) => {
      const { errors } = expectProblem(await post(`{"sku":"WIDGET","qty":${qty}}`), 422, 'INVALID_QTY')
      expect(errors).toMatchObject([{ pointer: '#/qty' }])
    },
  )

  test.each(['1', '1.0', '1e6', '1000000'])('takes the quantity %s', async (qty) => {
    const answer = await post(`{"sku":"WIDGET","qty":${qty}}`)
    expect(answer.statusCode).toBe(201)
    expect(answer.json().qty).toBe(Number(qty))
  })

  test.each([
    ['unknown', 'NOWHERE'],
    ['of other case', 'widget'],
    ['empty', ''],
    ['with spaces', ' WIDGET '],
    ['with a zero byte', 'WID\0GET'],
    ['with half a character', '\ud800'],
    ['with quotes', `'; drop table orders; --`],
    ['very long', 'W'.repeat(10_000)],
  ])('refuses a SKU that is %s', async (_, sku) => {
    const { errors } = expectProblem(await post({ sku, qty: 1 }), 422, 'UNKNOWN_SKU')
    expect(errors).toMatchObject([{ pointer: '#/sku' }])
  })

  test('answers 413 to a body that is too large', async () => {
    expectProblem(await post({ sku: 'WIDGET', qty: 1, note: 'x'.repeat(100_000) }), 413, 'BODY_TOO_LARGE')
  })

  test.each([
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'json',
    '',
  ])('answers 415 to the content type "%s"', async (type) => {
    const answer = await post({ sku: 'WIDGET', qty: 1 }, { 'content-type': type })
    expectProblem(answer, 415, 'UNSUPPORTED_MEDIA_TYPE')
  })

  test('answers 415 where no content type is named', async () => {
    const body = Buffer.from('{"sku":"WIDGET","qty":1}')
    const answer = await http.inject({ method: 'POST', url: '/api/order', payload: body })
    expectProblem(answer, 415, 'UNSUPPORTED_MEDIA_TYPE')
    expectProblem(await http.inject({ method: 'POST', url: '/api/order' }), 415, 'UNSUPPORTED_MEDIA_TYPE')
  })

  test('has an answer for any JSON', async () => {
    const sku = fc.oneof(fc.constant('WIDGET'), fc.string({ unit: 'binary' }), fc.jsonValue())
    const qty = fc.oneof(fc.integer(), fc.double(), fc.jsonValue())
    const body = fc.oneof(
      fc.record({ sku, qty }, { requiredKeys: [] }).map((it) => JSON.stringify(it)),
      fc.json(),
    )
    await fc.assert(
      fc.asyncProperty(body, async (body) => {
        expect((await post(body)).statusCode).toBeOneOf([201, 400, 415, 422])
      }),
    )
  })
})
