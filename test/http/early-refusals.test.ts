import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import { UNREAD_BODY_MAX_BYTES } from '../../src/limits.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { bySecret } from '../support/tokens.ts'
import type { WriteThenRead } from '../support/write-then-read.ts'

const JSON_TYPE = 'Content-Type: application/json'
const BODY_BYTES = 2_000_000
const CHUNK = Buffer.from(`10000\r\n${'x'.repeat(0x10000)}\r\n`)

let server: TestServer
let withTokens: TestServer
beforeAll(async () => {
  server = await serveTestApp({ corsOrigins: [] })
  withTokens = await serveTestApp({ authenticate: createAuthenticate(bySecret, createLogger('silent')) })
})
afterAll(() => Promise.all([server.close(), withTokens.close()]))

/** Sends all of a body, and only then reads. @returns what came, of as many calls */
async function writeThenRead(
  url: string,
  head: string[],
  { times = 15, isChunked = false, connection = 'close', pauseMs = 0 } = {},
): Promise<string[]> {
  const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${BODY_BYTES}`
  const lines = [...head, 'Host: localhost', `Connection: ${connection}`, length]
  const workerData: WriteThenRead = {
    port: Number(new URL(url).port),
    head: `${lines.join('\r\n')}\r\n\r\n`,
    body: isChunked ? `${CHUNK.toString().repeat(30)}0\r\n\r\n` : 'x'.repeat(BODY_BYTES),
    times,
    pauseMs,
  }
  const worker = new Worker(new URL('../support/write-then-read.ts', import.meta.url), { workerData })
  const [answers] = await once(worker, 'message')
  await worker.terminate()
  return (answers as string[]).map((answer) => answer.replace('HTTP/1.1 100 Continue\r\n\r\n', ''))
}

/** The status of each answer, or what came in its place. */
const statusesOf = (answers: readonly string[]) => new Set(answers.map((answer) => answer.slice(0, 12)))

const REFUSALS = [
  [413, 'POST /graphql', JSON_TYPE],
  [413, 'POST /api/order', JSON_TYPE],
  [413, 'POST /api/orders/1/ship', JSON_TYPE],
  [415, 'POST /graphql', 'Content-Type: text/plain'],
  [415, 'POST /api/order', 'Content-Type: text/plain'],
  [415, 'POST /api/shipments/1/undo', 'Content-Type: text/plain'],
  [415, 'POST /api/order', `${JSON_TYPE}\r\nContent-Encoding: gzip`],
  [404, 'POST /nowhere', 'Content-Type: text/plain'],
  [404, 'POST /api/nowhere', 'Content-Type: text/plain'],
  [405, 'PUT /api/order', JSON_TYPE],
  [405, 'PUT /graphql', JSON_TYPE],
  [405, 'POST /health/ready', JSON_TYPE],
  [405, 'POST /metrics', JSON_TYPE],
  [405, 'POST /docs/', JSON_TYPE],
  [413, 'POST /supplier/reserve', JSON_TYPE],
  [403, 'POST /graphql', `${JSON_TYPE}\r\nOrigin: https://evil.example`],
  [403, 'POST /api/order', `${JSON_TYPE}\r\nOrigin: https://evil.example`],
  [413, 'POST /api/order', `${JSON_TYPE}\r\nExpect: 100-continue`],
  [415, 'POST /api/order', `Content-Type: text/plain\r\nExpect: something`],
] as const

describe('a client that writes all of its body before it reads', () => {
  it.each(REFUSALS)('gets its %i of %s, 15 times of 15: %s', async (status, call, header) => {
    const answers = await writeThenRead(server.url, [`${call} HTTP/1.1`, header])
    expect(statusesOf(answers)).toEqual(new Set([`HTTP/1.1 ${status}`]))
    // with all that it says
    for (const answer of answers) expect(answer).toMatch(/\}\n?$/)
  })

  // after these Holdfast closes the connection, whatever the client asked for
  it.each([
    [413, 'POST /graphql', JSON_TYPE],
    [413, 'POST /api/order', JSON_TYPE],
    [403, 'POST /graphql', `${JSON_TYPE}\r\nOrigin: https://evil.example`],
  ] as const)(
    'gets its %i of %s where it sends slowly and would keep its connection: %s',
    async (status, call, header) => {
      const slowly = { times: 5, connection: 'keep-alive', pauseMs: 5 }
      const answers = await writeThenRead(server.url, [`${call} HTTP/1.1`, header], slowly)
      expect(statusesOf(answers)).toEqual(new Set([`HTTP/1.1 ${status}`]))
    },
  )

  it.each([
    [413, 'POST /graphql', JSON_TYPE],
    [413, 'POST /api/order', JSON_TYPE],
    [415, 'POST /graphql', 'Content-Type: text/plain'],
  ] as const)('gets its %i of %s where its body comes in chunks', async (status, call, header) => {
    const answers = await writeThenRead(server.url, [`${call} HTTP/1.1`, header], { isChunked: true })
    expect(statusesOf(answers)).toEqual(new Set([`HTTP/1.1 ${status}`]))
  })

  it.each(['POST /graphql', 'POST /api/order', 'POST /api/orders/1/cancel'])(
    'gets its 401 of %s',
    async (call) => {
      const answers = await writeThenRead(withTokens.url, [`${call} HTTP/1.1`, JSON_TYPE])
      expect(statusesOf(answers)).toEqual(new Set(['HTTP/1.1 401']))
    },
  )

  it.each(['POST /graphql', 'POST /api/order', 'POST /api/orders/1/return'])(
    'gets the 503 of an overload at %s',
    async (call) => {
      const isFull = vi.spyOn(server.app.calls, 'isFull').mockReturnValue(true)
      try {
        const answers = await writeThenRead(server.url, [`${call} HTTP/1.1`, JSON_TYPE])
        expect(statusesOf(answers)).toEqual(new Set(['HTTP/1.1 503']))
      } finally {
        isFull.mockRestore()
      }
    },
  )

  it.each(['POST /graphql', 'POST /api/order'])('gets a 415 of a transfer coding at %s', async (call) => {
    const head = [`${call} HTTP/1.1`, JSON_TYPE, 'Transfer-Encoding: gzip, chunked', 'Host: localhost']
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').setEncoding('latin1')
    socket.write(`${head.join('\r\n')}\r\n\r\n2\r\n{}\r\n0\r\n\r\n`)
    const [answer] = await once(socket, 'data')
    expect(answer).toMatch(/^HTTP\/1\.1 415 /)
    socket.destroy()
  })

  it('gets its 431 where its headers are too large', async () => {
    const head = ['POST /api/order HTTP/1.1', `X-A: ${'a'.repeat(20_000)}`]
    expect(statusesOf(await writeThenRead(server.url, head))).toEqual(new Set(['HTTP/1.1 431']))
  })

  it('gets the refusal of a WebSocket', async () => {
    const head = ['GET /nowhere HTTP/1.1', 'Connection: Upgrade\r\nUpgrade: websocket']
    expect(statusesOf(await writeThenRead(server.url, head))).toEqual(new Set(['HTTP/1.1 404']))
  })

  it('goes on with its connection, where it keeps it', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').setEncoding('latin1')
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk
    })
    for (let times = 1; times <= 3; times++) {
      socket.write(`PUT /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${BODY_BYTES}\r\n\r\n`)
      socket.write(Buffer.alloc(BODY_BYTES))
      await expect.poll(() => text.match(/HTTP\/1\.1 405/g)?.length, { timeout: 10_000 }).toBe(times)
    }
    socket.destroy()
  })
})

describe('a body without an end', () => {
  it.each([
    ['POST /graphql', 'Connection: close'],
    ['POST /graphql', 'Connection: keep-alive'],
    ['PUT /api/order', 'Connection: keep-alive'],
    ['GET /health/live', 'Connection: keep-alive'],
  ])('of %s is cut off, with %s', async (call, connection) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {})
    socket.resume()
    let isOver = false
    socket.on('close', () => {
      isOver = true
    })
    const head = [`${call} HTTP/1.1`, 'Host: localhost', connection, JSON_TYPE, 'Transfer-Encoding: chunked']
    socket.write(`${head.join('\r\n')}\r\n\r\n`)
    let sentBytes = 0
    while (!isOver && sentBytes < 10 * UNREAD_BODY_MAX_BYTES) {
      sentBytes += CHUNK.length
      if (!socket.write(CHUNK)) await Promise.race([once(socket, 'drain'), sleep(1_000)]).catch(() => {})
    }
    expect(isOver).toBe(true)
    // what the two ends keep between them included
    expect(sentBytes).toBeLessThan(UNREAD_BODY_MAX_BYTES + 20_000_000)
  })

  it('that comes ever so slowly is cut off as well', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {})
    socket.resume()
    socket.write('PUT /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n')
    const trickling = setInterval(() => socket.write('x'), 200)
    await once(socket, 'close')
    clearInterval(trickling)
  })
})
