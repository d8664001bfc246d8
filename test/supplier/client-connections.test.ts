import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'
import { expect, it, onTestFinished } from 'vitest'
import { CALL } from '../support/supplier-call.ts'
import { ORDER, supplierAt } from '../support/supplier-client.ts'

it('never opens more connections than its limit, and keeps them for the next call', async () => {
  let openMost = 0
  let opened = 0
  let underWay = 0
  const { baseUrl, server } = await serve(async (_, response) => {
    openMost = Math.max(openMost, ++underWay)
    await sleep(5)
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
  const answer = await supplierAt(baseUrl, { timeoutMs: 200 }).checkStatus('1234', CALL)
  expect(answer).toMatchObject({ kind: 'transport-error', cause: 'timeout' })
})

it('lets a call that waits for a connection wait no longer than the timeout', async () => {
  const { baseUrl } = await serve(() => {})
  const supplier = supplierAt(baseUrl, { timeoutMs: 100, connectionLimit: 1 })
  const answers = await Promise.all([supplier.reserve(ORDER, CALL), supplier.reserve(ORDER, CALL)])
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
  onTestFinished(async () => void server.close())
  expect(await supplierAt(baseUrl).checkStatus('1234', CALL)).toMatchObject({ cause: 'malformed' })
})

it('reports a refused connection, with the reason', async () => {
  const { baseUrl, close } = await serve(() => {})
  await close()
  expect(await supplierAt(baseUrl).reserve(ORDER, CALL)).toEqual({
    kind: 'transport-error',
    cause: 'connection',
    detail: expect.stringContaining('ECONNREFUSED'),
  })
})

it('closes after the calls under way, and answers later ones with an error', async () => {
  const asked = Promise.withResolvers<void>()
  const closing = Promise.withResolvers<void>()
  const { baseUrl } = await serve(async (_, response) => {
    asked.resolve()
    await closing.promise
    response.end('{"status": "ok"}')
  })
  const supplier = supplierAt(baseUrl)
  const underWay = supplier.checkStatus('1234', CALL)
  await asked.promise
  const closes = [supplier.close(), supplier.close()]
  closing.resolve()
  await Promise.all(closes)
  expect(await underWay).toEqual({ kind: 'ok', httpStatus: 200 })
  expect(await supplier.checkStatus('1234', CALL)).toMatchObject({ cause: 'connection' })
})

/** A server on the loopback that is closed when the test ends. */
async function serve(listener: RequestListener) {
  const server = createServer(listener)
  const baseUrl = await listen(server)
  const close = async () => {
    server.closeAllConnections()
    server.close()
  }
  onTestFinished(close)
  return { baseUrl, server, close }
}

async function listen(server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
