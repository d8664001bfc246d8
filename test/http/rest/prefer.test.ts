import { request } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { readWait } from '../../../src/http/rest/prefer.ts'
import { CALLS_UNDER_WAY_MAX, WAITING_CALLS_MAX } from '../../../src/limits.ts'
import { createTestApp, eventually, listen, seed, type TestApp } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

test.each([
  ['wait=5', 5],
  ['wait=0', 0],
  ['wait=10', 10],
  ['wait=11', 10],
  ['wait=99999999999999999999999', 10],
  ['WAIT=5', 5],
  [' wait = 5 ', 5],
  ['respond-async, wait=5', 5],
  ['wait=5, respond-async', 5],
  ['wait=5; foo="bar"', 5],
  ['return=minimal; foo="some, wait=2", wait=5', 5],
  ['foo="a \\" wait=2, wait=3", wait=5', 5],
  [',, wait=5', 5],
  ['wait=5, wait=7', 5],
  ['wait=x, wait=7', undefined],
  ['wait=5.5', undefined],
  ['wait=-1', undefined],
  ['wait=+1', undefined],
  ['wait=1e1', undefined],
  ['wait="5"', undefined],
  ['wait=5 6', undefined],
  ['wait=', undefined],
  ['wait', undefined],
  ['wait; x=5', undefined],
  ['awaits=5', undefined],
  ['waits=5', undefined],
  ['foo; wait=5', undefined],
  ['foo="unclosed, wait=5', undefined],
  ['', undefined],
  [undefined, undefined],
])('Prefer: %s waits for %s s', (prefer, seconds) => {
  expect(readWait(prefer)).toBe(seconds)
})

test('a header made to be slow is not', () => {
  const startedAt = performance.now()
  for (const part of ['"\\', '"', 'wait', 'wait ', '=\t', ',', '";', 'wait = '])
    expect(readWait(part.repeat(16_000 / part.length))).toBeUndefined()
  expect(performance.now() - startedAt).toBeLessThan(200)
})

describe('POST /api/order', () => {
  let testApp: TestApp
  let http: FastifyInstance
  let url: string
  beforeEach(async () => {
    testApp = await createTestApp()
    await seed(testApp.app).item({ sku: 'WIDGET', available: 1_000 })
    ;({ http, url } = await listen(testApp))
  })
  afterEach(async () => {
    await http.close()
    await testApp.close()
  })

  async function post(headers: Record<string, string>, signal?: AbortSignal) {
    const response = await fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: '{"sku":"WIDGET","qty":1}',
      ...(signal && { signal }),
    })
    const { status, headers: answered } = response
    return { status, applied: answered.get('preference-applied'), body: await response.json() }
  }

  const ids = async () => (await testApp.app.prisma.order.findMany()).map(({ id }) => id)
  const isAwaited = (count = 1) => eventually(() => testApp.app.calls.waiting === count)

  test('answers with the outcome', async () => {
    const answer = post({ prefer: 'wait=10' })
    await isAwaited()
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('\nholdfast_calls_waiting 1\n')
    await reserveOrders(testApp.app, await ids())
    expect(await answer).toMatchObject({
      status: 201,
      applied: 'wait=10',
      body: { status: 'reserved', version: 2, supplier_ref: null, shipments: [] },
    })
  })

  test('answers with the order as it stands when the time is over', async () => {
    const startedAt = performance.now()
    expect(await post({ prefer: 'respond-async, wait=1' })).toMatchObject({
      status: 201,
      applied: 'wait=1',
      body: { status: 'pending', version: 1 },
    })
    expect(performance.now() - startedAt).toBeGreaterThan(990)
    expect(testApp.app.feed.watcherCount).toBe(0)
  })

  test('passes over what it does not understand', async () => {
    for (const prefer of ['wait=-1', 'wait=soon', 'return=minimal'])
      expect(await post({ prefer })).toMatchObject({
        status: 201,
        applied: null,
        body: { status: 'pending' },
      })
    expect(await post({ prefer: 'wait=0' })).toMatchObject({ status: 201, applied: 'wait=0' })
  })

  test('waits for a repeat under the same key, whose order it answers with', async () => {
    const key = { 'idempotency-key': 'once' }
    const first = await post(key)
    const repeat = post({ ...key, prefer: 'wait=10' })
    await isAwaited()
    await reserveOrders(testApp.app, await ids())
    expect(await repeat).toMatchObject({ status: 201, body: { id: first.body.id, status: 'reserved' } })
  })

  test('keeps nothing of a caller that hangs up', async () => {
    const caller = new AbortController()
    const hungUp = post({ prefer: 'wait=10' }, caller.signal).catch((error) => error.name)
    await isAwaited()
    await eventually(() => testApp.app.feed.watcherCount === 1)
    caller.abort()
    expect(await hungUp).toBe('AbortError')
    await isAwaited(0)
    expect(testApp.app.feed.watcherCount).toBe(0)
    expect(testApp.app.calls.count).toBe(0)
  })

  test('answers with the order as it stands when the server stops', async () => {
    const answer = post({ prefer: 'wait=10' })
    await isAwaited()
    const startedAt = performance.now()
    const closing = http.close()
    expect(await answer).toMatchObject({ status: 201, body: { status: 'pending', version: 1 } })
    await closing
    expect(performance.now() - startedAt).toBeLessThan(2_000)
  })

  test('lets more wait than may be in flight, each for its own order, and keeps no other call out', async () => {
    const waiting: ReturnType<typeof post>[] = []
    const batch = CALLS_UNDER_WAY_MAX / 2
    while (waiting.length < 500) {
      waiting.push(...Array.from({ length: batch }, () => post({ prefer: 'wait=10' })))
      await isAwaited(waiting.length)
    }
    const awaited = await ids()
    expect(testApp.app.calls.count).toBe(0)
    expect(await post({})).toMatchObject({ status: 201, body: { status: 'pending' } })
    await reserveOrders(testApp.app, awaited)
    const answers = await Promise.all(waiting)
    for (const answer of answers) expect(answer).toMatchObject({ status: 201, body: { status: 'reserved' } })
    expect(answers.map(({ body }) => body.id).sort()).toEqual(awaited.sort())
    expect(testApp.app.calls.waiting + testApp.app.calls.count + testApp.app.feed.watcherCount).toBe(0)
  })

  test('is not said to be applied where too many wait', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const { calls } = testApp.app
    const waiting = Array.from({ length: WAITING_CALLS_MAX }, () => calls.wait(() => promise))
    const answer = await post({ prefer: 'wait=10' })
    expect(answer).toMatchObject({ status: 201, applied: null, body: { status: 'pending' } })
    resolve()
    await Promise.all(waiting)
    expect(await post({ prefer: 'wait=0' })).toMatchObject({ status: 201, applied: 'wait=0' })
  })

  test('takes the header also where it is sent twice', async () => {
    const { statusCode, headers } = await new Promise<{
      statusCode?: number | undefined
      headers: Record<string, unknown>
    }>((resolve, reject) => {
      const call = request(`${url}/api/order`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', prefer: ['respond-async', 'wait=0'] },
      })
      call.on('response', (response) => resolve(response.resume())).on('error', reject)
      call.end('{"sku":"WIDGET","qty":1}')
    })
    expect([statusCode, headers['preference-applied']]).toEqual([201, 'wait=0'])
  })
})
