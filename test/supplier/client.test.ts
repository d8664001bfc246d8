import { delay, HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { createSupplierClient } from '../../src/supplier/client.ts'
import { CALL } from '../support/supplier-call.ts'
import { ORDER, supplierAt } from '../support/supplier-client.ts'

// what it sends and what it reads, on a stubbed network; client-connections.test.ts has real ones

const network = setupServer()
beforeAll(() => network.listen({ onUnhandledFrame: 'error' }))
afterEach(() => network.resetHandlers())
afterAll(() => network.close())

const answerReserve = (answer: () => Response | Promise<Response>) =>
  network.use(http.post('http://supplier.test/supplier/reserve', answer))
const answerStatus = (answer: () => Response | Promise<Response>) =>
  network.use(http.get('http://supplier.test/supplier/status/:ref', answer))

it('sends what is wanted under its idempotency key', async () => {
  let sent: unknown
  network.use(
    http.post('http://supplier.test/supplier/reserve', async ({ request }) => {
      const { headers } = request
      sent = [headers.get('idempotency-key'), headers.get('content-type'), await request.json()]
      return HttpResponse.json({ accepted: true, ref: '1234' })
    }),
  )
  expect(await supplierAt().reserve(ORDER, CALL)).toEqual({
    kind: 'accepted',
    ref: '1234',
    httpStatus: 200,
  })
  expect(sent).toEqual([ORDER.key, 'application/json', { order_id: ORDER.id, sku: 'GIZMO', qty: 3 }])
})

it('says refused when the supplier does not accept', async () => {
  answerReserve(() => HttpResponse.json({ accepted: false, why: 'none left' }))
  expect(await supplierAt().reserve(ORDER, CALL)).toEqual({ kind: 'refused', httpStatus: 200 })
})

it.each(['ok', 'fail', 'delayed'])('passes on the status %s', async (status) => {
  answerStatus(() => HttpResponse.json({ status }))
  expect(await supplierAt().checkStatus('1234', CALL)).toEqual({ kind: status, httpStatus: 200 })
})

it.each(['http://supplier.test/v1', 'http://supplier.test/v1/'])(
  'keeps the path of the base URL %s',
  async (baseUrl) => {
    network.use(
      http.get('http://supplier.test/v1/supplier/status/1234', () => HttpResponse.json({ status: 'ok' })),
    )
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toEqual({ kind: 'ok', httpStatus: 200 })
  },
)

it.each(['ftp://supplier.test', 'http://me:secret@supplier.test', 'http://supplier.test/?a=1', 'supplier'])(
  'refuses the base URL %s',
  (baseUrl) => {
    expect(() => createSupplierClient({ baseUrl, timeoutMs: 1000 })).toThrow(TypeError)
  },
)

it.each([
  ['a/../b?c=d#e', 'a%2F..%2Fb%3Fc%3Dd%23e'],
  ['%2e%2e', '%252e%252e'],
  ['10 €', '10%20%E2%82%AC'],
  ['...', '...'],
])('sends the reference %s as one step of the path', async (ref, step) => {
  let path = ''
  network.use(
    http.all('http://supplier.test/*', ({ request }) => {
      path = new URL(request.url).pathname
      return HttpResponse.json({ status: 'ok' })
    }),
  )
  expect(await supplierAt().checkStatus(ref, CALL)).toEqual({ kind: 'ok', httpStatus: 200 })
  expect(path).toBe(`/supplier/status/${step}`)
})

it.each(['', '.', '..', '\ud800', 'a\u0000'])('sends nothing for the reference %j', async (ref) => {
  expect(await supplierAt().checkStatus(ref, CALL)).toMatchObject({
    cause: 'malformed',
    detail: expect.stringContaining('reference'),
  })
})

it('reports a network error as an error of connection', async () => {
  answerReserve(() => HttpResponse.error())
  expect(await supplierAt().reserve(ORDER, CALL)).toMatchObject({
    kind: 'transport-error',
    cause: 'connection',
  })
})

it('reports a supplier that does not answer in time', async () => {
  answerStatus(async () => {
    await delay('infinite')
    return HttpResponse.json({ status: 'ok' })
  })
  expect(await supplierAt('http://supplier.test', { timeoutMs: 50 }).checkStatus('1234', CALL)).toEqual({
    kind: 'transport-error',
    cause: 'timeout',
    detail: 'no answer within 50 ms',
  })
})

it.each([400, 404, 409, 429, 500, 503])('reports HTTP %i even with a valid body', async (status) => {
  answerStatus(() => HttpResponse.json({ status: 'ok' }, { status }))
  const answer = await supplierAt().checkStatus('1234', CALL)
  expect(answer).toMatchObject({ kind: 'transport-error', cause: 'http-status', httpStatus: status })
  expect(answer).not.toHaveProperty('retryAfterMs')
})

it.each([
  [503, '7', 7000],
  [429, '0', 0],
  [503, 'Sun, 06 Nov 1994 08:49:37 GMT', 0],
  [503, '9'.repeat(20), 24 * 60 * 60 * 1000],
  [503, '-5', undefined],
  [429, 'soon', undefined],
  [500, '7', undefined],
])('reads from HTTP %i with Retry-After %s a wait of %s ms', async (status, retryAfter, retryAfterMs) => {
  answerReserve(() => new HttpResponse(null, { status, headers: { 'retry-after': retryAfter } }))
  const answer = await supplierAt().reserve(ORDER, CALL)
  expect(answer).toMatchObject({ cause: 'http-status', httpStatus: status })
  expect('retryAfterMs' in answer ? answer.retryAfterMs : undefined).toBe(retryAfterMs)
})

it('reads a Retry-After that names a time', async () => {
  const retryAfter = new Date(Date.now() + 60_000).toUTCString()
  answerReserve(() => new HttpResponse(null, { status: 503, headers: { 'retry-after': retryAfter } }))
  const answer = await supplierAt().reserve(ORDER, CALL)
  const waitMs = 'retryAfterMs' in answer ? answer.retryAfterMs! : -1
  // the date has whole seconds only
  expect(waitMs).toBeGreaterThan(50_000)
  expect(waitMs).toBeLessThanOrEqual(60_000)
})

it.each([301, 302, 307, 308])('does not follow a redirect with HTTP %i', async (status) => {
  answerReserve(() => new HttpResponse(null, { status, headers: { location: 'http://elsewhere.test/' } }))
  expect(await supplierAt().reserve(ORDER, CALL)).toEqual({
    kind: 'transport-error',
    cause: 'redirect',
    detail: `HTTP ${status} to http://elsewhere.test/`,
    httpStatus: status,
  })
})

it.each([
  ['an empty body', ''],
  ['HTML', '<html>\u0007</html>'],
  ['half of a JSON', '{"accepted": tru'],
  ['a byte that is no UTF-8', new Uint8Array([0x22, 0xff, 0x22])],
  ['null', 'null'],
  ['a list', '[]'],
  ['accepted as a text', '{"accepted": "true", "ref": "1234"}'],
  ['accepted without a reference', '{"accepted": true}'],
  ['an empty reference', '{"accepted": true, "ref": ""}'],
  ['a reference that is a number', '{"accepted": true, "ref": 1234}'],
  ['a reference of 201 characters', JSON.stringify({ accepted: true, ref: 'r'.repeat(201) })],
  ['a reference with a control character', '{"accepted": true, "ref": "12\\u000034"}'],
  ['a reference with half a surrogate pair', '{"accepted": true, "ref": "\\ud800"}'],
  ['a reference that is a step in a path', '{"accepted": true, "ref": ".."}'],
])('reports %s as malformed', async (_, body) => {
  answerReserve(() => new HttpResponse(body))
  const answer = await supplierAt().reserve(ORDER, CALL)
  expect(answer).toMatchObject({ kind: 'transport-error', cause: 'malformed', httpStatus: 200 })
  expect(answer).toHaveProperty('detail', expect.stringMatching(/^\P{Cc}{1,300}$/u))
})

it('takes a reference of 200 characters', async () => {
  const ref = 'r'.repeat(200)
  answerReserve(() => HttpResponse.json({ accepted: true, ref }))
  expect(await supplierAt().reserve(ORDER, CALL)).toEqual({ kind: 'accepted', ref, httpStatus: 200 })
})

it.each(['{}', '{"status": "OK"}', '{"status": "lost"}', '{"status": null}'])(
  'reports the status answer %s as malformed',
  async (body) => {
    answerStatus(() => new HttpResponse(body))
    expect(await supplierAt().checkStatus('1234', CALL)).toMatchObject({
      cause: 'malformed',
      httpStatus: 200,
    })
  },
)

it('reports a body of 70 kB as too large', async () => {
  answerStatus(() => HttpResponse.json({ status: 'ok', padding: 'x'.repeat(70_000) }))
  expect(await supplierAt().checkStatus('1234', CALL)).toMatchObject({
    cause: 'too-large',
    httpStatus: 200,
  })
})
