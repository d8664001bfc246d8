import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { type ChaosDatabase, startDatabase } from '../chaos/database.ts'
import { findBreaches } from '../src/sql/upkeep/find-breaches.ts'
import { findFreePort } from './support/free-port.ts'
import { type Answer, type Subscribe, subscribeBySse, subscribeByWebSocket } from './support/graphql.ts'
import { eventually } from './support/harness.ts'
import { get, type HttpAnswer, post } from './support/http-answer.ts'
import { changeJobs, readJobs } from './support/queue.ts'
import { Processes, type RunningServer } from './support/server-process.ts'
import { Trickle } from './support/trickle.ts'

// One PostgreSQL with the durability of a real one, and one server that lives through everything done to it.

/** As promised, from the moment in which the database takes connections again: on a busy machine too. Each figure is printed. */
const RESUME_LIMIT_MS = 5_000
const OUTAGE_MS = 10_000

const processes = new Processes()
let database: ChaosDatabase
let server: RunningServer

beforeAll(async () => {
  database = await startDatabase()
})
afterAll(async () => {
  expect(await database.withClient(findBreaches)).toEqual([])
  expect(await database.query('select from dead_letters')).toEqual([])
  if (server) expect(await server.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  await processes.end()
  await database.remove()
})

test('a start waits for the database, says so, and goes on when it comes', async () => {
  await database.crash()
  const port = await findFreePort()
  const url = `http://127.0.0.1:${port}`
  const started = processes.startServer({
    DATABASE_URL: database.url,
    PORT: port,
    // few, so that jobs that were fetched and not begun are there when the database goes
    WORKER_CONCURRENCY: '10',
  })
  await eventually(async () => (await get(url, '/health/live').catch(() => undefined))?.status === 200)
  expect(await get(url, '/health/ready')).toMatchObject({ status: 503, retryAfter: '1' })
  expect(await placeOrder(url)).toMatchObject({ status: 503, retryAfter: '1', body: { code: 'UNAVAILABLE' } })
  expect(await get(url, '/api/orders/x')).toMatchObject({ status: 503 })
  expect(await callGraphql(url, '{ __typename }')).toMatchObject({
    status: 503,
    retryAfter: '1',
    body: { errors: [{ extensions: { code: 'UNAVAILABLE' } }] },
  })
  // time for several tries, of which one is told
  await sleep(1_000)

  await database.start()
  server = await started
  const warnings = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes('"level":40'))
  expect(warnings).toHaveLength(1)
  expect(warnings[0]).toContain('start waits for it')
  expect(await get(url, '/health/ready')).toMatchObject({ status: 200 })
  await callGraphql(
    url,
    'mutation { createInventoryItem(input: { sku: "PLENTY", name: "Plenty", available: 1000000 }) { userErrors { code } } }',
  )
  const { status, body } = await placeOrder(url)
  expect(status).toBe(201)
  await untilReserved([String(body.id)])
})

test.each(['refuses', 'does not resolve', 'starts up'])(
  'a start that waits for a database whose host %s ends at SIGTERM with exit code 0',
  async (kind) => {
    const host = {
      refuses: '127.0.0.1:1',
      'does not resolve': 'nowhere.invalid',
      'starts up': await answerWith('57P03', 'the database system is starting up'),
    }
    const DATABASE_URL = `postgres://user@${host[kind as keyof typeof host]}/holdfast`
    const waiting = processes.run('src/server.ts', { DATABASE_URL, PORT: '0' })
    await eventually(() => waiting.stdout().includes('start waits for it'))
    const sentAtMs = performance.now()
    expect(await waiting.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
    expect(performance.now() - sentAtMs).toBeLessThan(5_000)
  },
)

test('a start ends at once where the database refuses it', async () => {
  const unknown = new URL(database.url)
  unknown.pathname = '/unknown'
  const noDatabase = await processes.run('src/server.ts', { DATABASE_URL: unknown.href, PORT: '0' }).ended
  expect(noDatabase.code).toBe(1)
  expect(noDatabase.stderr).toMatch(/^Holdfast cannot start: database "unknown" does not exist$/m)

  const refused = await processes.run('src/server.ts', {
    DATABASE_URL: `postgres://user:wrong@${await answerWith('28P01', 'password authentication failed')}/x`,
    PORT: '0',
  }).ended
  expect(refused.code).toBe(1)
  expect(refused.stderr).toMatch(/^Holdfast cannot start: password authentication failed$/m)
})

test('10 s without a database: no false answer, no attempt used up, and work resumes', async () => {
  const { url } = server
  const under = await placeHeldUp()
  const watch = new Trickle(url)
  let backAtMs = 0
  await watch.run(async () => {
    await eventually(() => watch.acknowledged.length > 2)
    await database.crash()
    const crashedAtMs = performance.now()
    await eventually(async () => (await get(url, '/health/ready')).status === 503)
    report('readiness said so', crashedAtMs)
    await sleep(OUTAGE_MS)
    expect((await get(url, '/health/live')).status).toBe(200)
    await database.start()
    backAtMs = performance.now()
  })
  await untilReserved([under])
  expectResumed('the order that was under way was reserved', backAtMs)
  await eventually(async () => (await get(url, '/health/ready')).status === 200)
  expectResumed('readiness was back', backAtMs)
  await untilReserved(watch.acknowledged)
  expectResumed(`all ${watch.acknowledged.length} acknowledged orders were reserved`, backAtMs)
  expect(watch.refused).toBeGreaterThan(20)
})

test('immediate stops and starts, under load', async () => {
  for (let round = 0; round < 4; round++) {
    let backAtMs = 0
    const watches = Array.from({ length: 20 }, () => new Trickle(server.url))
    const restart = async () => {
      await eventually(() => watches.every(({ acknowledged }) => acknowledged.length > 2))
      await database.crash()
      await database.start()
      backAtMs = performance.now()
    }
    const restarting = restart()
    await Promise.all(watches.map((watch) => watch.run(() => restarting)))
    const acknowledged = watches.flatMap((watch) => watch.acknowledged)
    await untilReserved(acknowledged)
    expectResumed(`all ${acknowledged.length} acknowledged orders were reserved`, backAtMs)
  }
})

test('backends that are terminated again and again', async () => {
  const watch = new Trickle(server.url)
  let backAtMs = 0
  await watch.run(async () => {
    for (let round = 0; round < 20; round++) {
      await sleep(Math.random() * 300)
      await database.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name like 'holdfast%' and pid <> pg_backend_pid()`,
      )
    }
    backAtMs = performance.now()
  })
  await untilReserved(watch.acknowledged)
  expectResumed(`all ${watch.acknowledged.length} acknowledged orders were reserved`, backAtMs)
})

test.each<[string, Subscribe]>([
  ['server-sent events', subscribeBySse],
  ['WebSocket', subscribeByWebSocket],
])('a view by %s lives through an immediate restart, on the connection that it has', async (_, subscribe) => {
  // it works on no order: of every change it learns by way of the database
  const api = await processes.startServer({ DATABASE_URL: database.url, ROLE: 'api' })
  const id = await placeHeldUp()
  const view = subscribe(api, 'subscription ($id: ID!) { orderStatusChanged(id: $id) { status version } }', {
    id,
  })
  expect((await view.next())?.data.orderStatusChanged).toEqual({ status: 'PENDING', version: 1 })
  await database.crash()
  await database.start()
  const backAtMs = performance.now()
  expect((await view.next())?.data.orderStatusChanged).toEqual({ status: 'RESERVED', version: 2 })
  expectResumed('a view showed what came of its order', backAtMs)
  view.leave()
  expect(await api.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
})

/**
 * Places an order and holds its job up in the middle, by a lock that goes with the database. The job has no attempt left:
 * an outage that costs one ends the order. It is placed where nobody works, so that it is the job that reserves it.
 */
async function placeHeldUp(): Promise<string> {
  const api = await processes.startServer({ DATABASE_URL: database.url, ROLE: 'api' })
  const placed = Promise.withResolvers<string>()
  database
    .withClient(async (client) => {
      const isEnded = once(client, 'end')
      await client.query('begin; lock table inventory_movements')
      const id = String((await placeOrder(api.url)).body.id)
      await eventually(async () => {
        const [job] = await database.withClient((other) => readJobs(other, { orderIds: [id], isHeld: true }))
        if (!job) return null
        const { id: jobId, attempts } = job
        return database.withClient((other) => changeJobs(other, { attemptsMax: attempts }, { ids: [jobId] }))
      })
      placed.resolve(id)
      await isEnded
    })
    .catch(placed.reject)
  const id = await placed.promise
  await api.end('SIGTERM')
  return id
}

function placeOrder(url: string): Promise<HttpAnswer> {
  return post(`${url}/api/order`, { sku: 'PLENTY', qty: 1 })
}

function callGraphql(url: string, query: string): Promise<HttpAnswer<Answer>> {
  return post(`${url}/graphql`, { query })
}

/** Asks the database itself: these orders exist, and are reserved. */
async function untilReserved(ids: readonly string[]): Promise<void> {
  await eventually(async () => {
    const [row] = await database.query<{ reserved: number }>(
      `select count(*)::int as reserved from orders where id = any ($1::uuid[]) and status = 'RESERVED'`,
      [ids],
    )
    return row!.reserved === ids.length
  })
}

/** A host that answers every connection by the one error, as PostgreSQL does. */
async function answerWith(sqlstate: string, message: string): Promise<string> {
  const fields = Buffer.from(`SFATAL\0C${sqlstate}\0M${message}\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(fields.length + 4, 1)
  const postgres = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(Buffer.concat([head, fields])))
  })
  await once(postgres.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    postgres.close()
  })
  return `127.0.0.1:${(postgres.address() as AddressInfo).port}`
}

function expectResumed(what: string, backAtMs: number): void {
  report(what, backAtMs)
  expect(performance.now() - backAtMs).toBeLessThan(RESUME_LIMIT_MS)
}

function report(what: string, sinceMs: number): void {
  process.stdout.write(`  ${what} after ${((performance.now() - sinceMs) / 1_000).toFixed(2)} s\n`)
}
