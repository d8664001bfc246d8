import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { createClient } from 'graphql-sse'
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'
import { CallError } from '../../src/domain/errors.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, joinTestApp, listen, seed } from '../support/harness.ts'
import { rawCall } from '../support/raw-call.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const EVENTS = { accept: 'text/event-stream' }

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 1_000 })
  await seed(server.app).item({ sku: 'NONE', available: 0 })
})
afterAll(() => server.close())

const pathOf = (query: string) => `/graphql?query=${encodeURIComponent(query)}`
const watchOf = (id: string, more = '') =>
  pathOf(`subscription { orderStatusChanged(id: "${id}"${more}) { status } }`)

/** A stream as it arrives. */
async function open(path: string, headers: Record<string, string> = {}, { url } = server) {
  const [answer] = (await once(get(url + path, { headers: { ...EVENTS, ...headers } }), 'response')) as [
    IncomingMessage,
  ]
  onTestFinished(() => void answer.destroy())
  let text = ''
  let isOver = false
  answer.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  answer.on('end', () => {
    isOver = true
  })
  answer.on('error', () => {})
  return { answer, read: () => text, isOver: () => isOver }
}

/** Has an order of what there is none of go to its supplier, who refuses it. */
async function fail(id: string): Promise<void> {
  await reserveOrders(server.app, [id])
  await server.app.groups.settleSupplierOutcome.submit({ orderId: id, step: 1, outcome: { kind: 'refused' } })
}

async function seedFailed(): Promise<Order> {
  const { id } = await seed(server.app).order({ sku: 'NONE' })
  await fail(id)
  const { rows } = await server.app.pool.query('select id, version from orders where id = $1', [id])
  return rows[0]
}

describe('a stream', () => {
  it.each([
    ['of an order', async () => watchOf((await seed(server.app).order({ sku: 'BOLT' })).id), {}],
    ['of one result', async () => pathOf('{ __typename }'), {}],
    ['of a refusal', async () => pathOf('{ nope }'), {}],
  ])('%s has the headers by which proxies pass it on at once', async (_name, makePath) => {
    const { answer } = await open(await makePath())
    expect(answer.statusCode).toBe(200)
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    })
    expect(answer.headers['content-encoding']).toBeUndefined()
  })

  it('has the version of the order as the id of each event, whatever is asked of it', async () => {
    const { id } = await seed(server.app).order({ sku: 'BOLT' })
    const { read } = await open(watchOf(id))
    await eventually(() =>
      read().includes('id: 1\nevent: next\ndata: {"data":{"orderStatusChanged":{"status":"PENDING"}}}\n\n'),
    )
    await reserveOrders(server.app, [id])
    await eventually(() =>
      read().includes('id: 2\nevent: next\ndata: {"data":{"orderStatusChanged":{"status":"RESERVED"}}}\n\n'),
    )
  })

  it('goes on behind Last-Event-ID, also behind an afterVersion that is older', async () => {
    const { id } = await seed(server.app).order({ sku: 'BOLT' })
    await reserveOrders(server.app, [id])
    for (const [path, lastEventId, first] of [
      [watchOf(id), '1', 2],
      [watchOf(id, ', afterVersion: 1'), '0', 2],
      [watchOf(id), 'nonsense', 2],
      [watchOf(id), '99999999999999999999', 2],
    ] as const) {
      const { read } = await open(path, { 'last-event-id': lastEventId })
      await eventually(() => read().includes(`id: ${first}\n`))
    }
    const behind = await open(watchOf(id, ', afterVersion: 1'), { 'last-event-id': '2' })
    await execute(server, '{ __typename }')
    expect(behind.read()).toBe(':\n\n')
  })

  it('is 204 for a client that comes back and has seen the last of it', async () => {
    const { id, version } = await seedFailed()
    const { read, isOver } = await open(watchOf(id))
    await eventually(isOver)
    expect(read()).toMatch(new RegExp(`id: ${version}\nevent: complete\ndata:\n\n$`))
    for (const method of ['GET', 'HEAD']) {
      const headers = { ...EVENTS, 'last-event-id': String(version) }
      const answer = await rawCall(server.url + watchOf(id), { method, headers })
      expect(answer).toMatchObject({ status: 204, text: '' })
      expect(answer.headers['content-type']).toBeUndefined()
    }
    const old = await open(watchOf(id), { 'last-event-id': String(version - 1) })
    await eventually(old.isOver)
    expect(old.read()).toContain(`id: ${version}\nevent: next\n`)
    // of protocols that have no Last-Event-ID it is the end, as ever
    const other = await open(watchOf(id, `, afterVersion: ${version}`))
    await eventually(other.isOver)
    expect(other.read()).toMatch(/id: end\nevent: complete\ndata:\n\n$/)
    expect(server.app.feed.watcherCount).toBe(0)
  })

  it.each(['{ __typename }', '{ nope }', 'subscription { orderStatusChanged(id: "none") { id } }'])(
    'of one result, which is over, is 204 for who comes back to it: %s',
    async (query) => {
      const { read, isOver } = await open(pathOf(query))
      await eventually(isOver)
      expect(read()).toMatch(/\n\nid: end\nevent: complete\ndata:\n\n$/)
      const again = await rawCall(server.url + pathOf(query), {
        headers: { ...EVENTS, 'last-event-id': 'end' },
      })
      expect(again).toMatchObject({ status: 204, text: '' })
    },
  )

  it('that only its headers are asked of is none', async () => {
    const { id } = await seed(server.app).order({ sku: 'BOLT' })
    const { status, headers, text } = await rawCall(server.url + watchOf(id), {
      method: 'HEAD',
      headers: EVENTS,
    })
    expect({ status, type: headers['content-type'], text }).toEqual({
      status: 200,
      type: 'text/event-stream',
      text: '',
    })
    await eventually(() => server.app.feed.watcherCount === 0)
  })
})

describe('a database that is away', () => {
  it.each([
    // EventSource comes back after a 200 alone
    ['GET', 200],
    ['POST', 503],
  ])('is told in a stream that has no end, so that clients come back: %s', async (method, status) => {
    const away = new CallError('UNAVAILABLE', 'The database is unavailable')
    const watch = vi.spyOn(server.app.feed, 'watch').mockRejectedValue(away)
    try {
      const query = 'subscription { orderStatusChanged(id: "019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a") { id } }'
      const isGet = method === 'GET'
      const answer = await rawCall(server.url + (isGet ? pathOf(query) : '/graphql'), {
        method,
        headers: { accept: 'Text/Event-Stream', ...(!isGet && { 'content-type': 'application/json' }) },
        ...(!isGet && { body: JSON.stringify({ query }) }),
      })
      expect(answer).toMatchObject({ status, headers: { 'retry-after': '1' } })
      expect(answer.text).toContain('"UNAVAILABLE"')
      expect(answer.text).not.toMatch(/complete|id: end/)
    } finally {
      watch.mockRestore()
    }
  })
})

describe('a server that goes away', () => {
  it('ends a stream as a connection that was lost, with no error and no end of what is watched', async () => {
    const { id } = await seed(server.app).order({ sku: 'BOLT' })
    const other = await joinTestApp(server.testApp)
    const { http, url } = await listen(other)
    const { read, isOver } = await open(watchOf(id), {}, { ...server, url })
    await eventually(() => read().includes('id: 1\n'))
    await http.close()
    await eventually(isOver)
    expect(read()).not.toMatch(/complete|errors/)
    await other.close()
  })

  it('is left by the client of graphql-sse for another, and nothing is missed', async () => {
    const { id } = await seed(server.app).order({ sku: 'NONE' })
    const other = await joinTestApp(server.testApp)
    const { http, url } = await listen(other)
    const urls = [url, server.url]
    let connections = 0
    const client = createClient({
      url: () => `${urls[Math.min(connections++, 1)]}/graphql`,
      retry: () => new Promise((resolve) => setTimeout(resolve, 10)),
    })
    onTestFinished(() => client.dispose())
    const statuses: unknown[] = []
    let end: string | undefined
    client.subscribe<{ orderStatusChanged: { status: string } }>(
      { query: `subscription { orderStatusChanged(id: "${id}") { status } }` },
      {
        next: ({ data, errors }) => statuses.push(errors ?? data?.orderStatusChanged.status),
        error: (error) => {
          end = String(error)
        },
        complete: () => {
          end = 'complete'
        },
      },
    )
    await eventually(() => statuses.length === 1)
    await http.close()
    await other.close()
    await eventually(() => connections === 2 && statuses.length === 2)
    expect({ statuses, end }).toEqual({ statuses: ['PENDING', 'PENDING'], end: undefined })
    await fail(id)
    await eventually(() => end)
    expect({ last: statuses.at(-1), end }).toEqual({ last: 'FAILED', end: 'complete' })
  })
})
