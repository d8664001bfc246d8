import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { findFreePort } from './support/free-port.ts'
import { codesOf, type Subscribe, subscribeBySse, subscribeByWebSocket } from './support/graphql.ts'
import { createTestDatabase, eventually } from './support/harness.ts'
import { Processes } from './support/server-process.ts'
import { SpreadingClient } from './support/spreading-client.ts'

/** Whoever stops a process kills it after this. */
const STOP_LIMIT_MS = 10_000
const LANES = 6
const PAUSE_MS = 10

const CREATE_ORDER = `mutation ($sku: String!) {
  createOrder(input: { sku: $sku, qty: 1 }) { order { id } userErrors { code } }
}`
const WATCH = `subscription ($id: ID!, $afterVersion: Int) {
  orderStatusChanged(id: $id, afterVersion: $afterVersion) { status version }
}`
const FINAL = ['RESERVED', 'FAILED']

const processes = new Processes()
afterEach(() => processes.end())

test('a rolling restart of two servers under load loses no order, cuts off no call and fails none', async () => {
  const { databaseUrl, drop } = await createTestDatabase()
  onTestFinished(async () => {
    await processes.end()
    await drop()
  })
  const env = { DATABASE_URL: databaseUrl, SUPPLIER_RECHECK_DELAY_MS: '200', LOG_LEVEL: 'warn' }
  expect(await processes.run('prisma/seed.ts', env).ended).toMatchObject({ code: 0 })
  const starts = [await findFreePort(), await findFreePort()].map(
    (port) => () => processes.startServer({ ...env, PORT: String(port) }),
  )
  const servers = await Promise.all(starts.map((start) => start()))
  const client = new SpreadingClient(servers.map(({ url }) => url))
  onTestFinished(() => client.close())

  const load = putLoad(client)
  await eventually(() => load.orders.length > 20)
  for (const [index, start] of starts.entries()) {
    const acknowledged = load.orders.length
    const startedAtMs = performance.now()
    expect(await servers[index]!.end('SIGTERM')).toMatchObject({ code: 0 })
    expect(performance.now() - startedAtMs).toBeLessThan(STOP_LIMIT_MS)
    expect(load.orders.length).toBeGreaterThan(acknowledged)
    const started = await start()
    servers[index] = started
    const answered = client.answersOf(started.url)
    // back in its turn
    await eventually(() => client.answersOf(started.url) > answered + 10)
  }
  await load.stop()

  expect(client.cutOff).toEqual([])
  expect(load.badAnswers).toEqual([])
  // the load was there when they stopped
  expect(client.farewells).toBeGreaterThan(0)
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  const countFinal = async () => {
    const { rowCount } = await database.query(
      `select from orders where id = any($1::uuid[]) and status in ('RESERVED', 'FAILED')`,
      [load.orders],
    )
    return rowCount
  }
  await eventually(async () => (await countFinal()) === load.orders.length)
  expect(load.watched.length).toBeGreaterThan(5)
  for (const { id, version } of load.watched) {
    const { rows } = await database.query('select version from orders where id = $1', [id])
    expect(version).toBe(rows[0].version)
  }
  await database.end()
  for (const server of servers) expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
})

/** Orders by both APIs and watchers by both transports, until it is stopped. */
function putLoad(client: SpreadingClient) {
  const orders: string[] = []
  const watched: { id: string; version: number }[] = []
  const badAnswers: string[] = []
  let isStopping = false

  async function placeOrder(lane: number, sku: string): Promise<string | undefined> {
    const answer =
      lane % 2 === 0
        ? await client.post('/graphql', { query: CREATE_ORDER, variables: { sku } })
        : await client.post('/api/order', { sku, qty: 1 })
    if (!answer) return undefined
    const body = JSON.parse(answer.text)
    const id: string | undefined = body.data?.createOrder.order?.id ?? body.id
    if (id === undefined) badAnswers.push(`${answer.status} ${answer.text}`)
    else orders.push(id)
    return id
  }

  /** Follows an order to its end, from one server to the other. */
  async function watch(subscribe: Subscribe, id: string): Promise<void> {
    for (let version = 0; ; ) {
      const subscription = subscribe({ url: client.url }, WATCH, { id, afterVersion: version })
      try {
        for (let answer = await subscription.next(); answer; answer = await subscription.next()) {
          if (answer.errors) {
            if (codesOf(answer)[0] !== 'UNAVAILABLE') badAnswers.push(JSON.stringify(answer))
            break
          }
          const order = answer.data.orderStatusChanged
          if (order.version <= version) badAnswers.push(`version ${order.version} after ${version}`)
          version = order.version
          if (FINAL.includes(order.status)) {
            watched.push({ id, version })
            return
          }
        }
      } catch {
        // the server is going, or gone
      } finally {
        subscription.leave()
      }
    }
  }

  const placing = Array.from({ length: LANES }, async (_, lane) => {
    for (; !isStopping; await sleep(PAUSE_MS)) await placeOrder(lane, lane < 2 ? 'SCARCE-OK' : 'WIDGET')
  })
  const watching = [subscribeBySse, subscribeByWebSocket, subscribeBySse, subscribeByWebSocket].map(
    async (subscribe, lane) => {
      while (!isStopping) {
        const id = await placeOrder(lane, 'SCARCE-LATE')
        if (id !== undefined) await watch(subscribe, id)
      }
    },
  )
  const stop = async () => {
    isStopping = true
    await Promise.all([...placing, ...watching])
  }
  return { orders, watched, badAnswers, stop }
}
