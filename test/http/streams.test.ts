import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished, vi } from 'vitest'
import type { Caller } from '../../src/domain/caller.ts'
import { createAuthenticate } from '../../src/http/access/create-authenticate.ts'
import { IDLE_TIMEOUT_MS, STREAMS_PER_CALLER_MAX } from '../../src/limits.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { execute, serveTestApp } from '../support/graphql.ts'
import { createTestApp, eventually, listen, seed } from '../support/harness.ts'
import { readNonZero } from '../support/metrics.ts'
import { authorizationOf, bySecret } from '../support/tokens.ts'

it(`one stream more than ${STREAMS_PER_CALLER_MAX} of a caller is refused, and others have theirs`, async () => {
  const server = await serveTestApp({ authenticate: createAuthenticate(bySecret, createLogger('silent')) })
  onTestFinished(() => server.close())
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  const { id } = await seed(server.app).order({ sku: 'BOLT', customerId: 'alice' })
  const query = encodeURIComponent(`subscription { orderStatusChanged(id: "${id}") { version } }`)
  const alice = await authorizationOf('alice', 'customer')
  const open = async (authorization: string): Promise<IncomingMessage> => {
    const headers = { authorization, accept: 'text/event-stream' }
    const [answer] = await once(get(`${server.url}/graphql?query=${query}`, { headers }), 'response')
    onTestFinished(() => answer.destroy())
    return answer.on('error', () => {})
  }

  const streams = await Promise.all(Array.from({ length: STREAMS_PER_CALLER_MAX }, () => open(alice)))
  expect(new Set(streams.map(({ statusCode }) => statusCode))).toEqual(new Set([200]))
  const refused = await open(alice)
  expect(refused.statusCode).toBe(429)
  expect(Buffer.concat(await refused.toArray()).toString()).toContain('"code":"TOO_MANY_STREAMS"}')
  // what is no stream is answered, whatever way it takes
  for (const accept of ['*/*', 'application/json', 'text/event-stream']) {
    const headers = { authorization: alice, accept }
    const read = await fetch(`${server.url}/graphql?query={__typename}`, { headers })
    expect(read.status).toBe(200)
    expect(await read.text()).toContain('{"data":{"__typename":"Query"}}')
  }
  expect((await open(await authorizationOf('shop', 'service'))).statusCode).toBe(200)
  const asked = await execute({ ...server, authorization: alice }, '{ __typename }')
  expect(asked.data).toEqual({ __typename: 'Query' })

  streams[0]!.destroy()
  await expect.poll(async () => (await open(alice)).statusCode).toBe(200)
})

it('a stream whose caller leaves while it is looked at who that is never begins', async () => {
  const asked = Promise.withResolvers<void>()
  const answered = Promise.withResolvers<Caller>()
  const server = await serveTestApp({
    authenticate: () => {
      asked.resolve()
      return answered.promise
    },
  })
  onTestFinished(() => server.close())
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  const { id } = await seed(server.app).order({ sku: 'BOLT' })
  const watch = vi.spyOn(server.app.feed, 'watch')
  const query = encodeURIComponent(`subscription { orderStatusChanged(id: "${id}") { version } }`)
  const call = get(`${server.url}/graphql?query=${query}`, { headers: { accept: 'text/event-stream' } })
  call.on('error', () => {})
  await asked.promise
  call.destroy()
  // the server has heard of it before it hears of another
  await fetch(`${server.url}/health/live`, { headers: { connection: 'close' } })
  answered.resolve({ id: 'alice', role: 'operator', expiresAt: null })
  // time to begin, if it would
  await sleep(200)
  expect(watch).not.toHaveBeenCalled()
  expect(server.app.feed.watcherCount).toBe(0)
})

it('a stream whose client does not read is cut off, and counted by that', async () => {
  const testApp = await createTestApp()
  const { app } = testApp
  const { http, url } = await listen(testApp)
  onTestFinished(async () => {
    await http.close()
    await testApp.close()
  })
  const sockets: Socket[] = []
  http.server.on('connection', (socket) => sockets.push(socket))
  await seed(app).item({ sku: 'BOLT', available: 10 })
  // no socket holds many events of this size
  await app.pool.query(`update items set name = repeat('x', 1000000)`)
  let order = await seed(app).order({ sku: 'BOLT' })
  const query = encodeURIComponent(
    `subscription { orderStatusChanged(id: "${order.id}") { version inventoryItem { name } } }`,
  )
  const call = get(`${url}/graphql?query=${query}`, { headers: { accept: 'text/event-stream' } })
  const [answer] = await once(call, 'response')
  onTestFinished(() => answer.destroy())
  answer.on('error', () => {})
  await expect.poll(() => sockets[0]!.timeout).toBe(IDLE_TIMEOUT_MS)
  sockets[0]!.setTimeout(500)
  expect(await readNonZero(app, 'holdfast_order_watchers')).toEqual({ '{transport="sse"}': 1 })
  await eventually(async () => {
    order = { ...order, version: order.version + 1 }
    app.feed.tell([order])
    return app.feed.watcherCount === 0
  })
  expect(await readNonZero(app, 'holdfast_watch_dropped_total')).toEqual({
    '{transport="sse",reason="slow-client"}': 1,
  })
})
