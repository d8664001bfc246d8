import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { gzipSync } from 'node:zlib'
import { delay, HttpResponse, http } from 'msw'
import { setupServer } from 'msw/node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createSupplierClient } from '../../src/supplier/client.ts'
import type { Supplier } from '../../src/supplier/contract.ts'
import { CALL } from '../support/supplier-call.ts'

const order = { id: '0199c0de-0000-7000-8000-000000000001', sku: 'GIZMO', qty: 3 }
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

describe('against a stubbed network', () => {
  const network = setupServer()
  beforeAll(() => network.listen({ onUnhandledFrame: 'error' }))
  afterEach(() => network.resetHandlers())
  afterAll(() => network.close())

  const answerReserve = (answer: () => Response | Promise<Response>) =>
    network.use(http.post('http://supplier.test/supplier/reserve', answer))
  const answerStatus = (answer: () => Response | Promise<Response>) =>
    network.use(http.get('http://supplier.test/supplier/status/:ref', answer))

  it('sends the order with its id as the idempotency key', async () => {
    let sent: unknown
    network.use(
      http.post('http://supplier.test/supplier/reserve', async ({ request }) => {
        const { headers } = request
        sent = [headers.get('idempotency-key'), headers.get('content-type'), await request.json()]
        return HttpResponse.json({ accepted: true, ref: '1234' })
      }),
    )
    expect(await supplierAt().reserve(order, CALL)).toEqual({
      kind: 'accepted',
      ref: '1234',
      httpStatus: 200,
    })
    expect(sent).toEqual([order.id, 'application/json', { order_id: order.id, sku: 'GIZMO', qty: 3 }])
  })

  it('says refused when the supplier does not accept', async () => {
    answerReserve(() => HttpResponse.json({ accepted: false, why: 'none left' }))
    expect(await supplierAt().reserve(order, CALL)).toEqual({ kind: 'refused', httpStatus: 200 })
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
    expect(await supplierAt().reserve(order, CALL)).toMatchObject({
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
    const answer = await supplierAt().reserve(order, CALL)
    expect(answer).toMatchObject({ cause: 'http-status', httpStatus: status })
    expect('retryAfterMs' in answer ? answer.retryAfterMs : undefined).toBe(retryAfterMs)
  })

  it('reads a Retry-After that names a time', async () => {
    const retryAfter = new Date(Date.now() + 60_000).toUTCString()
    answerReserve(() => new HttpResponse(null, { status: 503, headers: { 'retry-after': retryAfter } }))
    const answer = await supplierAt().reserve(order, CALL)
    const waitMs = 'retryAfterMs' in answer ? answer.retryAfterMs! : -1
    // the date has whole seconds only
    expect(waitMs).toBeGreaterThan(50_000)
    expect(waitMs).toBeLessThanOrEqual(60_000)
  })

  it.each([301, 302, 307, 308])('does not follow a redirect with HTTP %i', async (status) => {
    answerReserve(() => new HttpResponse(null, { status, headers: { location: 'http://elsewhere.test/' } }))
    expect(await supplierAt().reserve(order, CALL)).toEqual({
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
    const answer = await supplierAt().reserve(order, CALL)
    expect(answer).toMatchObject({ kind: 'transport-error', cause: 'malformed', httpStatus: 200 })
    expect(answer).toHaveProperty('detail', expect.stringMatching(/^\P{Cc}{1,300}$/u))
  })

  it('takes a reference of 200 characters', async () => {
    const ref = 'r'.repeat(200)
    answerReserve(() => HttpResponse.json({ accepted: true, ref }))
    expect(await supplierAt().reserve(order, CALL)).toEqual({ kind: 'accepted', ref, httpStatus: 200 })
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
})

describe('against a real server', () => {
  it('never opens more connections than its limit, and keeps them for the next call', async () => {
    let openMost = 0
    let opened = 0
    let underWay = 0
    const { baseUrl, server } = await serve(async (_, response) => {
      openMost = Math.max(openMost, ++underWay)
      await delay(5)
      underWay--
      response.end('{"status": "ok"}')
    })
    server.on('connection', () => opened++)
    const supplier = supplierAt(baseUrl, { connectionLimit: 3 })
    const answers = await Promise.all(Array.from({ length: 30 }, () => supplier.checkStatus('1234', CALL)))
    expect(answers).toEqual(Array(30).fill({ kind: 'ok', httpStatus: 200 }))
    expect(openMost).toBe(3)
    expect(opened).toBe(3)
  })

  it('goes on over its one connection after errors with and without bodies', async () => {
    const answers = [() => ({ status: 503, body: 'x'.repeat(1_000_000) }), () => ({ status: 500, body: '' })]
    let calls = 0
    const { baseUrl } = await serve((_, response) => {
      const { status, body } = answers[calls++]?.() ?? { status: 200, body: '{"status": "ok"}' }
      response.writeHead(status).end(body)
    })
    const supplier = supplierAt(baseUrl, { connectionLimit: 1 })
    expect(await supplier.checkStatus('1234', CALL)).toMatchObject({ httpStatus: 503 })
    expect(await supplier.checkStatus('1234', CALL)).toMatchObject({ httpStatus: 500 })
    expect(await supplier.checkStatus('1234', CALL)).toEqual({ kind: 'ok', httpStatus: 200 })
  })

  it('cuts a body that drips for longer than the timeout', async () => {
    const { baseUrl } = await serve((_, response) => {
      const drip = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(drip))
    })
    const startedAt = performance.now()
    const answer = await supplierAt(baseUrl, { timeoutMs: 200 }).checkStatus('1234', CALL)
    expect(answer).toMatchObject({ kind: 'transport-error', cause: 'timeout' })
    expect(performance.now() - startedAt).toBeLessThan(2000)
  })

  it('lets a call that waits for a connection wait no longer than the timeout', async () => {
    const { baseUrl } = await serve(() => {})
    const supplier = supplierAt(baseUrl, { timeoutMs: 100, connectionLimit: 1 })
    const answers = await Promise.all([supplier.reserve(order, CALL), supplier.reserve(order, CALL)])
    expect(answers.map((answer) => 'cause' in answer && answer.cause)).toEqual(['timeout', 'timeout'])
  })

  it('stops reading an endless body at 64 kB', async () => {
    let written = 0
    let closed: Promise<unknown> = Promise.resolve()
    const { baseUrl } = await serve((_, response) => {
      closed = once(response, 'close')
      const piece = ' '.repeat(16_384)
      const pour = () => {
        while (!response.destroyed) {
          written += piece.length
          if (!response.write(piece)) return void response.once('drain', pour)
        }
      }
      pour()
    })
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'too-large' })
    await closed
    // the sockets' buffers hold some megabytes at most; what was read of them is 64 kB
    expect(written).toBeLessThan(32 * 1024 * 1024)
  })

  it('counts the bytes of a compressed body as they unpack', async () => {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(' '.repeat(10_000_000)))
    })
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'too-large' })
  })

  it('reports a body that is not compressed as it says as malformed', async () => {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end('{"status": "ok"}')
    })
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'malformed' })
  })

  it('reports headers without end as too large', async () => {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { 'x-padding': 'x'.repeat(70_000) }).end('{"status": "ok"}')
    })
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'too-large' })
  })

  it('reports a connection that ends within the body', async () => {
    const { baseUrl } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 }).write('{"sta')
      setTimeout(() => response.destroy(), 20)
    })
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'connection' })
  })

  it('reports a server that does not speak HTTP as malformed', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('SSH-2.0-OpenSSH\r\n')
    })
    const baseUrl = await listen(server)
    cleanups.push(async () => server.close())
    expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'malformed' })
  })

  it('reports a refused connection, with the reason', async () => {
    const { baseUrl, close } = await serve(() => {})
    await close()
    expect(await supplierAt(baseUrl).reserve(order, CALL)).toEqual({
      kind: 'transport-error',
      cause: 'connection',
      detail: expect.stringContaining('ECONNREFUSED'),
    })
  })

  it('closes after the calls under way, and answers later ones with an error', async () => {
    const { baseUrl } = await serve(async (_, response) => {
      await delay(50)
      response.end('{"status": "ok"}')
    })
    const supplier = supplierAt(baseUrl)
    const underWay = supplier.checkStatus('1234', CALL)
    await Promise.all([supplier.close(), supplier.close()])
    expect(await underWay).toEqual({ kind: 'ok', httpStatus: 200 })
    expect(await supplier.checkStatus('1234', CALL)).toMatchObject({ cause: 'connection' })
  })
})

/** A client that is closed when the test ends. */
function supplierAt(
  baseUrl = 'http://supplier.test',
  options: { timeoutMs?: number; connectionLimit?: number } = {},
): Supplier {
  const supplier = createSupplierClient({ baseUrl, timeoutMs: 5000, ...options })
  cleanups.push(() => supplier.close())
  return supplier
}

/** A server on the loopback that is closed when the test ends. */
async function serve(listener: RequestListener) {
  const server = createServer(listener)
  const baseUrl = await listen(server)
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  cleanups.push(close)
  return { baseUrl, server, close }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
