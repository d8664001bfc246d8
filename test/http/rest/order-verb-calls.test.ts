import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProblemCode } from '../../../src/http/rest/problem.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { type OrderServer, serveOrders } from './serve-orders.ts'
import { expectProblem } from './serve-rest.ts'

const UNKNOWN = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

let server: OrderServer
beforeAll(async () => {
  server = await serveOrders()
})
afterAll(() => server.close())

/** A call that can be made, of an order of its own. */
type Call = { url: string; sku: string; payload: object; other: object }

/** Each verb as a call that would succeed, and another of the same order. */
const VERBS: Record<string, () => Promise<Call>> = {
  cancel: async () => {
    const { url, sku } = await server.place()
    return { url: `${url}/cancel`, sku, payload: { lines: [{ sku, qty: 1 }] }, other: {} }
  },
  ship: async () => {
    const { url, sku } = await server.place()
    return { url: `${url}/ship`, sku, payload: { lines: [{ sku, qty: 1 }] }, other: {} }
  },
  undo: async () => {
    const { sku, shipmentId } = await server.placeShipped()
    return { url: `/api/shipments/${shipmentId}/undo`, sku, payload: {}, other: { note: 'another' } }
  },
  return: async () => {
    const { url, sku } = await server.placeShipped()
    return {
      url: `${url}/return`,
      sku,
      payload: { lines: [{ sku, qty: 1 }] },
      other: { lines: [{ sku, qty: 2 }] },
    }
  },
}

describe.each(Object.entries(VERBS))('%s', (verb, prepare) => {
  /** Makes a call that is to be refused, under a key that is to be free afterwards. */
  async function refuse(url: string, payload: object, status: number, code: ProblemCode, on = server.http) {
    const before = await readEverything(server.app)
    const problem = expectProblem(await server.post(url, payload, `refused ${verb}`, on), status, code)
    expect(await readEverything(server.app)).toEqual(before)
    return problem
  }

  const pathOf = (id: string) => (verb === 'undo' ? `/api/shipments/${id}/undo` : `/api/orders/${id}/${verb}`)

  test('under one key is one call, which is answered with the order as it now is', async () => {
    const { url, payload } = await prepare()
    const key = `twice ${verb}`
    const first = (await server.post(url, payload, key)).json()
    await server.post(`/api/orders/${first.id}/cancel`)
    const repeat = await server.post(url, payload, `"${key}"`)
    expect(repeat.statusCode).toBe(200)
    expect(repeat.json()).toEqual((await server.http.inject(`/api/orders/${first.id}`)).json())
    expect(repeat.json().version).toBe(first.version + 1)
  })

  test('refuses a key that was used for another call', async () => {
    const { url, sku, payload, other } = await prepare()
    const key = `reused ${verb}`
    expect((await server.post(url, payload, key)).statusCode).toBe(200)
    const before = await readEverything(server.app)
    const { errors } = expectProblem(await server.post(url, other, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expect(errors).toMatchObject([{ header: 'Idempotency-Key' }])
    // or of another verb
    await server.post('/api/order', { sku, qty: 1 }, `order ${verb}`)
    expectProblem(await server.post(url, payload, `order ${verb}`), 422, 'IDEMPOTENCY_KEY_REUSED')
    const after = await readEverything(server.app)
    expect(after.shipments).toBe(before.shipments)
    expect(after.inventory_movements).toBe(before.inventory_movements)
  })

  test.each(['X-Idempotency-Key', 'Idempotency_Key', 'IdempotencyKey'])(
    'refuses a key in the header %s',
    async (name) => {
      const { url, payload } = await prepare()
      const before = await readEverything(server.app)
      const answer = await server.http.inject({ method: 'POST', url, payload, headers: { [name]: 'one' } })
      expectProblem(answer, 400, 'BAD_REQUEST')
      expect(await readEverything(server.app)).toEqual(before)
    },
  )

  test.each(['', '""', 'k'.repeat(256), 'schlüssel'])('refuses the key %j', async (key) => {
    const { url, payload } = await prepare()
    const before = await readEverything(server.app)
    const { errors } = expectProblem(await server.post(url, payload, key), 422, 'INVALID_IDEMPOTENCY_KEY')
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
    const answer = await server.post(url, { ...payload, expected_version: version }, `refused ${verb}`)
    expect(answer.statusCode).toBe(200)
    expect(answer.json().version).toBe(version + 1)
    // it is free for the next
    await server.app.prisma.idempotencyKey.deleteMany({ where: { key: `refused ${verb}` } })
  })

  test('answers 404 where there is none', async () => {
    const { payload } = await prepare()
    const code = verb === 'undo' ? 'UNKNOWN_SHIPMENT' : 'UNKNOWN_ORDER'
    for (const id of [UNKNOWN, 'not-a-uuid', 'a%00b', '1']) await refuse(pathOf(id), payload, 404, code)
    expectProblem(await server.post(pathOf('%zz'), payload), 404, 'NOT_FOUND')
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
      const answer = await server.http.inject({ method: 'POST', url, payload: body, headers })
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
      server.http.inject({ method: 'POST', url, payload, headers: { 'content-type': type } })
    const before = await readEverything(server.app)
    expectProblem(await send('{}', 'text/plain'), 415, 'UNSUPPORTED_MEDIA_TYPE')
    expectProblem(await server.http.inject({ method: 'POST', url }), 415, 'UNSUPPORTED_MEDIA_TYPE')
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
      const anothers = await refuse(url, payload, 404, 'UNKNOWN_ORDER', server.customer)
      const unknown = await refuse(pathOf(UNKNOWN), payload, 404, 'UNKNOWN_ORDER', server.customer)
      expect(detailOf(anothers)).toBe(detailOf(unknown))
    } else {
      await refuse(url, payload, 403, 'FORBIDDEN', server.customer)
      await refuse(pathOf(UNKNOWN), payload, 403, 'FORBIDDEN', server.customer)
    }
  })
})
