import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import pg from 'pg'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { WATCH_TRANSPORTS } from '../../src/feed/watch-tally.ts'
import { notifyWatchers } from '../../src/sql/orders/notify-watchers.ts'
import { findFreePort } from '../support/free-port.ts'
import { execute, subscribeBySse } from '../support/graphql.ts'
import { createTestDatabase, eventually } from '../support/harness.ts'
import { scrape } from '../support/scrape.ts'
import { Processes, type RunningServer } from '../support/server-process.ts'

const ORDERS = 30
const CHANGES = 500
/** What one event is made to weigh: some 90 kB, by asking for a long name as often as is let. 1.3 GB in all, unless some are skipped. */
const ALIASES = 90
const NAME_LENGTH_CHARS = 1_000
/** So many changes of stock a call; with a long reason an event has 900 bytes. */
const CHANGES_A_CALL = 500
const REASON_LENGTH_CHARS = 500
/** Sockets hold 10 MB at most, and the stream another 10,000 changes: half of these are enough. */
const STOCK_CALLS_MAX = 80
/** Of each order one event and one state to come are held, some 3 MB. */
const HEAP_GROWTH_MAX_BYTES = 50_000_000
/** With what the allocator keeps of all that has passed, 1.3 GB: 92 to 315 MB were seen. */
const RSS_GROWTH_MAX_BYTES = 500_000_000
const MEMORY_REPORTER = new URL('../../bench/support/memory-reporter.ts', import.meta.url).href

const WATCH = `subscription ($id: ID!) { orderStatusChanged(id: $id) { version inventoryItem { ${Array.from(
  { length: ALIASES },
  (_, index) => `a${index}: name`,
).join(' ')} } } }`

const processes = new Processes()
let server: RunningServer
let database: pg.Client
let ids: string[]
let memoryPort: string

beforeAll(async () => {
  const { databaseUrl, allowBreaches, drop } = await createTestDatabase()
  allowBreaches('there are no events of its changes', "events number an order's version")
  // without a worker: orders change when the test has them change
  memoryPort = await findFreePort()
  server = await processes.startServer({
    DATABASE_URL: databaseUrl,
    ROLE: 'api',
    LOG_LEVEL: 'warn',
    NODE_OPTIONS: `--expose-gc --import ${MEMORY_REPORTER}`,
    MEMORY_REPORTER_PORT: memoryPort,
  })
  database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  await execute(
    server,
    'mutation { createInventoryItem(input: { sku: "PLENTY", name: "Plenty" }) { userErrors { code } } }',
  )
  await database.query(`update items set name = repeat('x', $1)`, [NAME_LENGTH_CHARS])
  ids = await Promise.all(
    Array.from({ length: ORDERS }, async () => {
      const { data } = await execute(
        server,
        'mutation { createOrder(input: { sku: "PLENTY", qty: 1 }) { order { id } } }',
      )
      return data.createOrder.order.id
    }),
  )
  return async () => {
    await processes.end()
    await database.end()
    await drop()
  }
})
afterAll(() => processes.end())

/** Opens a stream of server-sent events for each order, by sockets that nobody reads. */
async function watchBySse(): Promise<() => void> {
  const sockets = await Promise.all(
    ids.map(async (id) => {
      const socket = connect(Number(new URL(server.url).port), '127.0.0.1').pause()
      socket.on('error', () => {})
      await once(socket, 'connect')
      const body = JSON.stringify({ query: WATCH, variables: { id } })
      socket.write(
        `POST /graphql HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n` +
          `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      )
      return socket
    }),
  )
  return () => {
    for (const socket of sockets) socket.destroy()
  }
}

/** Watches every order by one WebSocket, which reads nothing once it is accepted. */
async function watchByWebSocket(): Promise<() => void> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
  await once(socket, 'open')
  socket.send(JSON.stringify({ type: 'connection_init' }))
  await once(socket, 'message')
  socket.pause()
  ids.forEach((id, index) => {
    socket.send(
      JSON.stringify({ id: String(index), type: 'subscribe', payload: { query: WATCH, variables: { id } } }),
    )
  })
  return () => socket.terminate()
}

const countWatchers = () => sumOf('holdfast_order_watchers')

/** The sum of a metric of the server over its labels. */
async function sumOf(metric: string): Promise<number> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  const samples = metrics.split('\n').filter((line) => line.startsWith(`${metric}{`))
  expect(samples).toHaveLength(WATCH_TRANSPORTS.length)
  return samples.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

async function readMemory(): Promise<{ rss: number; heapUsed: number }> {
  const response = await fetch(`http://127.0.0.1:${memoryPort}/after-gc`)
  return (await response.json()) as { rss: number; heapUsed: number }
}

/** Follows every change of stock by server-sent events. Nothing is read before `read` is called. */
async function followStock(lastEventId?: string) {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
  const call = get(`${server.url}/api/inventory/changes`, { headers, agent: false })
  call.on('error', () => {})
  const [response] = (await once(call, 'response')) as [IncomingMessage]
  response.on('error', () => {})
  const movements: number[] = []
  let [rest, cursor]: [string, string | undefined] = ['', undefined]
  return {
    movements,
    closed: new Promise<void>((resolve) => response.once('close', () => resolve())),
    cursor: () => cursor,
    read() {
      response.setEncoding('utf8').on('data', (part: string) => {
        const events = (rest + part).split('\n\n')
        rest = events.pop()!
        for (const event of events) {
          const [, id, data] = /^id: (.*)\ndata: (.*)$/m.exec(event) ?? []
          if (!data) continue
          cursor = id
          movements.push(Number(JSON.parse(data).movement.id))
        }
      })
    },
    leave: () => void call.destroy(),
  }
}

/** Changes the stock of an item many times, in one commit. */
async function changeStock(sku: string): Promise<void> {
  const changes = Array.from({ length: CHANGES_A_CALL }, () => ({ sku, delta: 1 }))
  const { data } = await execute(
    server,
    'mutation ($input: AdjustInventoriesInput!) { adjustInventories(input: $input) { changed } }',
    { input: { changes, reason: 'r'.repeat(REASON_LENGTH_CHARS) } },
  )
  expect(data.adjustInventories.changed).toBe(CHANGES_A_CALL)
}

async function countSlowClients(): Promise<number> {
  const { samples } = await scrape(server.url)
  const labels = { transport: 'sse', reason: 'slow-client' }
  return samples.find(
    (sample) =>
      sample.name === 'holdfast_stock_stream_dropped_total' &&
      JSON.stringify(sample.labels) === JSON.stringify(labels),
  )!.value
}

/** Changes each order many times, as another process would. @returns the version that all have then */
async function changeOrders(): Promise<number> {
  for (let change = 1; ; change++) {
    const { rows } = await database.query('update orders set version = version + 1 returning id, version')
    await notifyWatchers(database, rows)
    // a round trip or two, in which the server hears of it
    await execute(server, '{ __typename }')
    if (change === CHANGES) return rows[0].version
  }
}

test.each([
  ['server-sent events', watchBySse],
  ['WebSocket', watchByWebSocket],
])(
  'a client that watches by %s and never reads costs little, and leaves nothing behind',
  async (_, watch) => {
    const leave = await watch()
    onTestFinished(leave)
    const reader = subscribeBySse(
      server,
      'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }',
      {
        id: ids[0],
      },
    )
    await reader.next()
    await eventually(async () => (await countWatchers()) === ORDERS + 1)
    const coalescedBefore = await sumOf('holdfast_watch_coalesced_total')
    const before = await readMemory()
    const newest = await changeOrders()
    const after = await readMemory()
    const heapGrowth = after.heapUsed - before.heapUsed
    const rssGrowth = after.rss - before.rss
    process.stdout.write(
      `  ${Math.round(heapGrowth / 1e6)} MB of heap and ${Math.round(rssGrowth / 1e6)} MB of rss more after ${ORDERS * CHANGES} changes\n`,
    )
    expect(heapGrowth).toBeLessThan(HEAP_GROWTH_MAX_BYTES)
    expect(rssGrowth).toBeLessThan(RSS_GROWTH_MAX_BYTES)
    // what was skipped for it was counted
    expect((await sumOf('holdfast_watch_coalesced_total')) - coalescedBefore).toBeGreaterThan(0)

    // one that reads was told meanwhile
    let seen = 1
    for (let version = 0; version < newest; seen++) {
      version = (await reader.next())?.data.orderStatusChanged.version
    }
    expect(seen).toBeGreaterThan(10)
    reader.leave()
    leave()
    await eventually(async () => (await countWatchers()) === 0)
  },
)

test('a client that follows the stock and never reads is cut off, costs little, and resumes after its cursor', async () => {
  await execute(
    server,
    'mutation { createInventoryItem(input: { sku: "COUNTED", name: "Counted" }) { userErrors { code } } }',
  )
  const [idle, reader] = [await followStock(), await followStock()]
  onTestFinished(() => {
    for (const stream of [idle, reader]) stream.leave()
  })
  reader.read()
  const slowBefore = await countSlowClients()
  const before = await readMemory()
  const peak = { ...before }
  let calls = 0
  while ((await countSlowClients()) === slowBefore) {
    expect(calls).toBeLessThan(STOCK_CALLS_MAX)
    await changeStock('COUNTED')
    calls++
    // one that reads is told meanwhile: so each commit reaches the streams by itself
    await eventually(() => reader.movements.length === calls * CHANGES_A_CALL)
    const { heapUsed, rss } = await readMemory()
    peak.heapUsed = Math.max(peak.heapUsed, heapUsed)
    peak.rss = Math.max(peak.rss, rss)
  }
  process.stdout.write(
    `  ${Math.round((peak.heapUsed - before.heapUsed) / 1e6)} MB of heap and ${Math.round((peak.rss - before.rss) / 1e6)} MB of rss more in ${reader.movements.length} changes of stock\n`,
  )
  expect(peak.heapUsed - before.heapUsed).toBeLessThan(HEAP_GROWTH_MAX_BYTES)
  expect(peak.rss - before.rss).toBeLessThan(RSS_GROWTH_MAX_BYTES)

  idle.read()
  await idle.closed
  expect(idle.movements.length).toBeGreaterThan(0)
  expect(idle.movements.length).toBeLessThan(reader.movements.length)
  const resumed = await followStock(idle.cursor())
  onTestFinished(resumed.leave)
  resumed.read()
  await eventually(() => resumed.movements.at(-1) === reader.movements.at(-1))
  expect([...idle.movements, ...resumed.movements]).toEqual(reader.movements)
  for (const stream of [reader, resumed]) stream.leave()
  await eventually(async () => (await sumOf('holdfast_stock_streams')) === 0)
})
