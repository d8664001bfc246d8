import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ProblemCode } from '../../../src/http/rest/problem.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { expireHold, letHoldPass } from '../../support/holds.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

const UNKNOWN = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'
const VERBS = ['confirm', 'extend'] as const

let server: TestApp
let http: FastifyInstance
let customer: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  customer = await serveRest(server.app, { caller: { id: 'alice', role: 'customer', expiresAt: null } })
  await seed(server.app).item({ sku: 'WIDGET', available: 10_000 })
  await seed(server.app).item({ sku: 'NONE' })
})

afterAll(async () => {
  await Promise.all([http.close(), customer.close()])
  await server.close()
})

/** `payload`: as JSON, or as it is sent. */
function post(url: string, payload: object | string = {}, key?: string, on = http) {
  const headers = { 'content-type': 'application/json', ...(key !== undefined && { 'idempotency-key': key }) }
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload)
  return on.inject({ method: 'POST', url, payload: body, headers })
}

/** A hold of Alice, reserved. */
async function hold({ customerId = 'alice' as string | null, holdSeconds = 600 as number | null } = {}) {
  const { id } = await seed(server.app).order({ sku: 'WIDGET', qty: 2, customerId, holdSeconds })
  await reserveOrders(server.app, [id])
  return { id, url: `/api/orders/${id}` }
}

/** A body that a verb takes. */
const bodyOf = (verb: (typeof VERBS)[number]) => (verb === 'extend' ? { hold_seconds: 60 } : {})

async function refuse(url: string, payload: object | string, status: number, code: ProblemCode, on = http) {
  const before = await readEverything(server.app)
  const problem = expectProblem(await post(url, payload, 'refused', on), status, code)
  expect(await readEverything(server.app)).toEqual(before)
  return problem
}

describe('a hold', () => {
  test('is ordered, extended and confirmed, and ships', async () => {
    const payload = { sku: 'WIDGET', qty: 1, hold_seconds: 600, if_short: 'FAIL' }
    const created = await post('/api/order', payload)
    expect(created.statusCode).toBe(201)
    const order = created.json()
    expect(order).toMatchObject({ status: 'pending', if_short: 'FAIL' })
    expect(Math.abs(Date.parse(order.expires_at) - Date.now() - 600_000)).toBeLessThan(30_000)
    await reserveOrders(server.app, [order.id])
    const url = `/api/orders/${order.id}`
    await refuse(`${url}/ship`, {}, 409, 'WRONG_STATE')
    const extended = await post(`${url}/extend`, { hold_seconds: 1_200, expected_version: 2 })
    expect(extended.statusCode).toBe(200)
    const { expires_at: expiresAt, version } = extended.json()
    expect(version).toBe(3)
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 1_200_000)).toBeLessThan(30_000)
    expect((await http.inject(url)).json()).toEqual(extended.json())
    const confirmed = await post(`${url}/confirm`, { expected_version: 3 }, undefined, http)
    expect(confirmed.json()).toMatchObject({ status: 'reserved', version: 4, expires_at: null })
    expect((await post(`${url}/ship`)).json()).toMatchObject({ status: 'shipped', version: 5 })
  })

  test('is its own customer’s to confirm and extend', async () => {
    const { url } = await hold()
    expect((await post(`${url}/extend`, bodyOf('extend'), undefined, customer)).statusCode).toBe(200)
    expect((await post(`${url}/confirm`, {}, undefined, customer)).statusCode).toBe(200)
  })

  test('that has expired says until when it was one', async () => {
    const { id, url } = await hold()
    await expireHold(server.app, id)
    const order = (await http.inject(url)).json()
    expect(order).toMatchObject({ status: 'expired', failure_reason: null, lines: [{ cancelled: 2 }] })
    expect(Date.parse(order.expires_at)).toBeLessThan(Date.now() + 30_000)
  })

  test('of what is not there fails, waits or asks, as it is told', async () => {
    for (const [ifShort, status] of [
      ['FAIL', 'failed'],
      ['WAIT', 'awaiting_restock'],
      ['ASK_SUPPLIER', 'awaiting_restock'],
    ] as const) {
      const { id } = (
        await post('/api/order', { sku: 'NONE', qty: 1, if_short: ifShort, hold_seconds: 60 })
      ).json()
      await reserveOrders(server.app, [id])
      const order = (await http.inject(`/api/orders/${id}`)).json()
      const failure_reason = ifShort === 'FAIL' ? 'OUT_OF_STOCK' : null
      expect(order).toMatchObject({ status, failure_reason, if_short: ifShort })
    }
  })
})

describe('POST /api/order', () => {
  test.each(['0', '-1', '2678401', '1.5', '1e400', '-1e400'])(
    'refuses to hold for %s seconds',
    async (seconds) => {
      const payload = `{"sku":"WIDGET","qty":1,"hold_seconds":${seconds}}`
      const { errors } = await refuse('/api/order', payload, 422, 'INVALID_HOLD')
      expect(errors).toMatchObject([{ pointer: '#/hold_seconds' }])
    },
  )

  test.each([
    ['hold_seconds', '60'],
    ['hold_seconds', true],
    ['hold_seconds', [60]],
    ['if_short', 'wait'],
    ['if_short', 'BACKORDER'],
    ['if_short', ''],
    ['if_short', 1],
  ])('refuses another type: %s of %j', async (name, value) => {
    const payload = { sku: 'WIDGET', qty: 1, [name]: value }
    const { errors } = await refuse('/api/order', payload, 422, 'MALFORMED_BODY')
    expect(errors).toMatchObject([{ pointer: `#/${name}` }])
  })

  test('takes null as what is left out', async () => {
    const order = await post('/api/order', { sku: 'WIDGET', qty: 1, hold_seconds: null, if_short: null })
    expect(order.json()).toMatchObject({ expires_at: null, if_short: 'ASK_SUPPLIER' })
  })
})

describe.each(VERBS)('POST /api/orders/:id/%s', (verb) => {
  const body = bodyOf(verb)

  test('is refused for what is no hold, or none any more', async () => {
    const firm = await hold({ holdSeconds: null })
    const confirmed = await hold()
    await post(`${confirmed.url}/confirm`)
    const cancelled = await hold()
    await post(`${cancelled.url}/cancel`)
    for (const { url } of [firm, confirmed, cancelled]) {
      const problem = await refuse(`${url}/${verb}`, body, 409, 'WRONG_STATE')
      // the path names what is to blame
      expect(problem.errors).toBeUndefined()
    }
  })

  test('is refused from the time on at which it expires, released or not', async () => {
    const past = await hold()
    const expired = await hold()
    await expireHold(server.app, expired.id)
    await letHoldPass(server.app, past.id)
    for (const { url } of [past, expired]) await refuse(`${url}/${verb}`, body, 409, 'HOLD_EXPIRED')
  })

  test('is refused at another version than the caller expects', async () => {
    const { url } = await hold()
    const problem = await refuse(`${url}/${verb}`, { ...body, expected_version: 1 }, 409, 'STALE_EXPECTATION')
    expect(problem.errors).toMatchObject([{ pointer: '#/expected_version' }])
    const answer = await post(`${url}/${verb}`, { ...body, expected_version: 2 }, 'refused')
    expect(answer.json().version).toBe(3)
    // it is free for the next
    await server.app.prisma.idempotencyKey.deleteMany({ where: { key: 'refused' } })
  })

  test('is a 404 for what does not exist, and for another’s', async () => {
    for (const id of [UNKNOWN, 'not-a-uuid', 'a%00b', '1'])
      await refuse(`/api/orders/${id}/${verb}`, body, 404, 'UNKNOWN_ORDER')
    for (const { url } of [await hold({ customerId: 'bob' }), await hold({ customerId: null })])
      await refuse(`${url}/${verb}`, body, 404, 'UNKNOWN_ORDER', customer)
  })

  test('refuses fields that it does not know, by name', async () => {
    const { url } = await hold()
    for (const name of ['note', 'idempotency_key']) {
      const problem = await refuse(`${url}/${verb}`, { ...body, [name]: 'mine' }, 422, 'MALFORMED_BODY')
      expect(problem.errors).toEqual([{ detail: `This call has no "${name}"`, pointer: `#/${name}` }])
    }
    await refuse(`${url}/${verb}?dry_run=1`, body, 400, 'BAD_REQUEST')
  })

  test('under one key is one call', async () => {
    const { id, url } = await hold()
    const key = `twice ${verb}`
    const first = await post(`${url}/${verb}`, body, key)
    expect(first.statusCode).toBe(200)
    expect((await post(`${url}/${verb}`, body, `"${key}"`)).json()).toEqual(first.json())
    // also once it is what refuses every other
    await server.app.pool.query('update orders set expires_at = null where id = $1', [id])
    expect((await post(`${url}/${verb}`, body, key)).statusCode).toBe(200)
    const before = await readEverything(server.app)
    const other = { ...body, expected_version: 2 }
    expectProblem(await post(`${url}/${verb}`, other, key), 422, 'IDEMPOTENCY_KEY_REUSED')
    expect(await readEverything(server.app)).toEqual(before)
  })
})

describe('POST /api/orders/:id/extend', () => {
  test.each(['0', '-1', '2678401', '1.5', '1e400'])('refuses %s seconds', async (seconds) => {
    const { url } = await hold()
    const { errors } = await refuse(`${url}/extend`, `{"hold_seconds":${seconds}}`, 422, 'INVALID_HOLD')
    expect(errors).toMatchObject([{ pointer: '#/hold_seconds' }])
  })

  test.each(['{}', '{"hold_seconds":null}', '{"hold_seconds":"60"}', '{"hold_seconds":[60]}'])(
    'refuses the body %s',
    async (body) => {
      const { url } = await hold()
      const { errors } = await refuse(`${url}/extend`, body, 422, 'MALFORMED_BODY')
      expect(errors).toMatchObject([{ pointer: '#/hold_seconds' }])
    },
  )

  test.each([1, 2_678_400])('takes %s seconds', async (seconds) => {
    const { url } = await hold()
    const answer = await post(`${url}/extend`, { hold_seconds: seconds })
    const left = Date.parse(answer.json().expires_at) - Date.now()
    expect(Math.abs(left - seconds * 1_000)).toBeLessThan(30_000)
  })
})
