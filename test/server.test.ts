import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createClient } from 'graphql-ws'
import pg from 'pg'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import type { ReserveAnswerBody, StatusAnswerBody } from '../src/supplier/contract.ts'
import { createTestDatabase, eventually } from './support/harness.ts'
import { endPostgres, Processes, readPostgresPid } from './support/server-process.ts'
import { authorizationOf, SECRET } from './support/tokens.ts'

/** As promised: jobs of a killed worker are free again within 10 s, and then due. */
const RESCUE_LIMIT_MS = 15_000
/** Whoever stops a process kills it after this. */
const STOP_LIMIT_MS = 10_000

const processes = new Processes()

afterEach(() => processes.end())

test('prints what to open, takes an order, stops at SIGTERM and finds the order at the next start', async () => {
  const env = { DATA_DIR: await processes.makeDataDir() }
  const first = await processes.startServer(env)
  expect(first.stdout()).toContain(`${first.url}/graphql`)
  expect(first.stdout()).toContain(`${first.url}/docs`)
  expect(await get(first.url, '/health/ready')).toMatchObject({ status: 200, body: { status: 'ok' } })
  expect((await get(first.url, '/docs')).status).toBe(200)
  const id = await placeOrder(first.url, 'WIDGET')
  await untilOrder(first.url, id, 'reserved')
  const { code, stderr } = await first.end('SIGTERM')
  expect(code).toBe(0)
  expect(stderr).not.toContain('Error')
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')

  const second = await processes.startServer(env)
  expect(await readOrder(second.url, id)).toMatchObject({ id, status: 'reserved' })
  expect(await second.end('SIGINT')).toMatchObject({ code: 0 })
})

test('adopts the database of a killed server, and ends the orders that were under way', async () => {
  const env = { DATA_DIR: await processes.makeDataDir(), SUPPLIER_RECHECK_DELAY_MS: '500' }
  const first = await processes.startServer(env)
  const id = await placeOrder(first.url, 'SCARCE-LATE')
  await untilOrder(first.url, id, 'awaiting_restock')
  await first.end('SIGKILL')
  const postgres = await readPostgresPid(env.DATA_DIR)

  const second = await processes.startServer(env)
  expect(await readPostgresPid(env.DATA_DIR)).toBe(postgres)
  await untilOrder(second.url, id, 'reserved')
  expect(await second.end('SIGTERM')).toMatchObject({ code: 0 })
})

test('starts again after it and its database were both killed', async () => {
  const env = { DATA_DIR: await processes.makeDataDir(), SUPPLIER_RECHECK_DELAY_MS: '500' }
  const first = await processes.startServer(env)
  const before = await placeOrder(first.url, 'SCARCE-OK')
  await first.end('SIGKILL')
  await endPostgres(env.DATA_DIR)

  const second = await processes.startServer(env)
  const after = await placeOrder(second.url, 'WIDGET')
  await untilOrder(second.url, after, 'reserved')
  await untilOrder(second.url, before, 'reserved')
})

test('starts its database again when that was killed, and goes on', async () => {
  const env = { DATA_DIR: await processes.makeDataDir() }
  const server = await processes.startServer(env)
  const killed = await readPostgresPid(env.DATA_DIR)
  const postgresPid = () => readPostgresPid(env.DATA_DIR).catch(() => killed)
  const placed: string[] = []
  let refused = 0
  let isBack = false
  const trickle = async () => {
    while (!isBack || refused === 0) {
      const { status, body } = await tryOrder(server.url, 'WIDGET')
      if (status === 201) placed.push(String(body.id))
      else {
        expect({ status, code: body.code }).toEqual({ status: 503, code: 'UNAVAILABLE' })
        refused++
      }
      const ready = await get(server.url, '/health/ready')
      expect([200, 503]).toContain(ready.status)
      isBack = (await postgresPid()) !== killed && status === 201 && ready.status === 200
      await sleep(20)
    }
  }
  await untilOrder(server.url, await placeOrder(server.url, 'WIDGET'), 'reserved')
  process.kill(killed, 'SIGKILL')
  await trickle()
  for (const id of placed) await untilOrder(server.url, id, 'reserved')
  const warnings = server
    .stdout()
    .split('\n')
    .filter((line) => line.includes(`PostgreSQL in ${env.DATA_DIR} has ended; starting it again`))
  expect(warnings.length).toBeGreaterThan(0)

  const stoppedAtMs = performance.now()
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  expect(performance.now() - stoppedAtMs).toBeLessThan(STOP_LIMIT_MS)
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
})

test('stops in time at a SIGTERM that comes while its database is down, and leaves it down', async () => {
  const env = { DATA_DIR: await processes.makeDataDir() }
  const server = await processes.startServer(env)
  const killed = await readPostgresPid(env.DATA_DIR)
  process.kill(killed, 'SIGKILL')
  await sleep(Math.random() * 1_000)
  const sentAtMs = performance.now()
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
  expect(performance.now() - sentAtMs).toBeLessThan(STOP_LIMIT_MS)
  // restarted and stopped, or never restarted: then the killed one's file is there
  expect(await readPostgresPid(env.DATA_DIR).catch(() => killed)).toBe(killed)
})

test('refuses to start on the data of another server, which goes on', async () => {
  const env = { DATA_DIR: await processes.makeDataDir() }
  const first = await processes.startServer(env)
  const second = await processes.run('src/server.ts', { ...env, PORT: '0', LOG_LEVEL: 'silent' }).ended
  expect(second).toMatchObject({ code: 1, stdout: '' })
  expect(second.stderr).toMatch(
    new RegExp(`^Holdfast cannot start: .*${env.DATA_DIR} is in use by process ${first.pid}\\.`, 'm'),
  )
  await untilOrder(first.url, await placeOrder(first.url, 'WIDGET'), 'reserved')
})

test('refuses to start on a port that is taken, and leaves no database behind', async () => {
  const { url } = await playSupplier()
  const env = { DATA_DIR: await processes.makeDataDir(), PORT: new URL(url).port }
  const { code, stderr } = await processes.run('src/server.ts', env).ended
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Holdfast cannot start: .*EADDRINUSE/m)
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
})

test('names every variable that is wrong', async () => {
  const { code, stdout, stderr } = await processes.run('src/server.ts', {
    PORT: 'abc',
    HOST: '0.0.0.0',
    ROLE: 'x',
  }).ended
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
  expect(stderr).toContain('PORT is "abc"; it may be a whole number from 0 to 65535')
  expect(stderr).toContain('HOST is "0.0.0.0"; it may be 127.0.0.1')
  expect(stderr).toContain('ROLE is "x"; it may be all, api or worker')
})

test('finishes an order with the API and the worker in two processes', async () => {
  const env = { ...(await prepareDatabase()), SUPPLIER_RECHECK_DELAY_MS: '100' }
  const api = await processes.startServer({ ...env, ROLE: 'api' })
  const id = await placeOrder(api.url, 'SCARCE-LATE')
  expect(await readOrder(api.url, id)).toMatchObject({ status: 'pending' })

  const worker = await processes.startServer({ ...env, ROLE: 'worker' })
  expect(await get(worker.url, '/health/ready')).toMatchObject({
    status: 200,
    body: { checks: { worker: 'ok' } },
  })
  expect((await get(worker.url, `/api/orders/${id}`)).status).toBe(404)
  await untilOrder(api.url, id, 'reserved')
  const readMetrics = () => fetch(`${worker.url}/metrics`).then((response) => response.text())
  const settled = 'holdfast_supplier_settling_seconds_count{to="RESERVED"} 1\n'
  // it is known a statement after the commit
  await eventually(async () => (await readMetrics()).includes(settled))
  const metrics = await readMetrics()
  expect(metrics).toMatch(/^nodejs_eventloop_lag_seconds [\d.]+$/m)
  // of others' metrics as well: _total says that it is counted up
  expect(metrics).not.toMatch(/^# TYPE \w+_total (?!counter)/m)
  expect(metrics).toContain('holdfast_supplier_circuit{state="closed"} 1\n')
  for (const labels of [
    '"reserve",outcome="accepted"',
    '"status",outcome="delayed"',
    '"status",outcome="ok"',
  ]) {
    expect(metrics).toContain(`holdfast_supplier_request_duration_seconds_count{operation=${labels}} 1\n`)
  }
  expect(await Promise.all([api.end('SIGTERM'), worker.end('SIGTERM')])).toMatchObject([
    { code: 0 },
    { code: 0 },
  ])
})

test.each(['another process', 'its restart'])(
  'a job whose worker was killed in the middle of it goes on in time, by %s',
  async (successor) => {
    const supplier = await playSupplier()
    const env = {
      ...(await prepareDatabase()),
      SUPPLIER_URL: supplier.url,
      SUPPLIER_TIMEOUT_MS: '600000',
      SUPPLIER_RECHECK_DELAY_MS: '100',
    }
    const startWorker = () => processes.startServer({ ...env, ROLE: 'worker' })
    const api = await processes.startServer({ ...env, ROLE: 'api' })
    const killed = await startWorker()
    supplier.isSilent = true
    const id = await placeOrder(api.url, 'SCARCE-OK')
    await eventually(() => supplier.requests.length > 0)
    if (successor === 'another process') await startWorker()
    supplier.isSilent = false
    const killedAtMs = performance.now()
    await killed.end('SIGKILL')
    if (successor === 'its restart') await startWorker()

    await untilOrder(api.url, id, 'reserved', killedAtMs)
    expect(supplier.requests).toEqual([
      'POST /supplier/reserve',
      'POST /supplier/reserve',
      'GET /supplier/status/1',
    ])
  },
)

test('stops in time while a watcher is connected and the supplier keeps it waiting', async () => {
  const supplier = await playSupplier()
  supplier.isSilent = true
  const env = { ...(await prepareDatabase()), SUPPLIER_URL: supplier.url, SUPPLIER_TIMEOUT_MS: '600000' }
  const server = await processes.startServer(env)
  const id = await placeOrder(server.url, 'SCARCE-OK')
  const watcher = createClient({ url: `${server.url.replace('http', 'ws')}/graphql`, retryAttempts: 0 })
  const changes = watcher.iterate({ query: `subscription { orderStatusChanged(id: "${id}") { status } }` })
  await changes.next()
  await eventually(() => supplier.requests.length > 0)

  const startedAtMs = performance.now()
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
  expect(performance.now() - startedAtMs).toBeLessThan(STOP_LIMIT_MS)
  await changes.return?.()
})

test('stops at a SIGTERM though the database does not answer: what is under way is left', async () => {
  const env = await prepareDatabase()
  const server = await processes.startServer({ ...env, ROLE: 'api' })
  const blocker = new pg.Client({ connectionString: env.DATABASE_URL })
  blocker.on('error', () => {})
  await blocker.connect()
  await blocker.query('begin; lock table orders')
  const refused = placeOrder(server.url, 'WIDGET').catch(() => 'refused')
  await eventually(async () => {
    const { rowCount } = await blocker.query(`select from pg_locks where not granted`)
    return rowCount! > 0
  })
  const startedAtMs = performance.now()
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
  expect(performance.now() - startedAtMs).toBeLessThan(STOP_LIMIT_MS)
  expect(await refused).toBe('refused')
  await blocker.end()
})

test('stops at a SIGTERM while its start waits for another that migrates', async () => {
  const { databaseUrl, drop } = await createTestDatabase()
  onTestFinished(drop)
  const blocker = new pg.Client({ connectionString: databaseUrl })
  await blocker.connect()
  await blocker.query('select pg_advisory_lock($1)', [4_716_253_908])
  const starting = processes.run('src/server.ts', { DATABASE_URL: databaseUrl, PORT: '0' })
  await eventually(async () => {
    const { rowCount } = await blocker.query(
      `select from pg_locks where locktype = 'advisory' and not granted`,
    )
    return rowCount! > 0
  })
  expect(await starting.end('SIGTERM')).toMatchObject({ code: 0 })
  await blocker.end()
})

test('with authentication it listens on any address, in production too, and answers to any name', async () => {
  const server = await processes.startServer({
    ...(await prepareDatabase()),
    ROLE: 'api',
    HOST: '0.0.0.0',
    NODE_ENV: 'production',
    SUPPLIER_URL: 'http://supplier.test',
    AUTH_JWT_SECRET: SECRET,
  })
  const headers = { host: 'holdfast.example', authorization: await authorizationOf('alice', 'customer') }
  const statusFor = (headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const url = `${server.url}/graphql?query={__typename}`
      request(url, { headers }, ({ statusCode }) => resolve(statusCode))
        .on('error', reject)
        .end()
    })
  expect(await statusFor(headers)).toBe(200)
  expect(await statusFor({ host: headers.host })).toBe(401)
  expect(server.stdout()).toContain('npm run -s token')
})

test('answers to loopback names alone, as long as there is no authentication', async () => {
  const env = await prepareDatabase()
  const server = await processes.startServer({ ...env, ROLE: 'api' })
  const { port } = new URL(server.url)
  const statusFor = (host: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      request({ port, host: '127.0.0.1', path: '/health/live', headers: { host } }, ({ statusCode }) =>
        resolve(statusCode),
      )
        .on('error', reject)
        .end()
    })
  expect(await statusFor(`localhost:${port}`)).toBe(200)
  expect(await statusFor(`[::1]:${port}`)).toBe(200)
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    'localhost.evil.example',
    '127.0.0.1.evil.example',
  ]) {
    expect(await statusFor(host)).toBe(403)
  }
})

test('stops at a SIGTERM that comes while it starts', async () => {
  const env = { DATA_DIR: await processes.makeDataDir(), PORT: '0' }
  const starting = processes.run('src/server.ts', env)
  await eventually(() => readPostgresPid(env.DATA_DIR).catch(() => undefined))
  expect(await starting.end('SIGTERM')).toMatchObject({ code: 0 })
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
})

/** A database of its own with the demo catalogue, as servers that share it are told of it. */
async function prepareDatabase(): Promise<{ DATABASE_URL: string }> {
  const { databaseUrl, drop } = await createTestDatabase()
  onTestFinished(async () => {
    await processes.end()
    await drop()
  })
  const seed = await processes.run('prisma/seed.ts', { DATABASE_URL: databaseUrl }).ended
  expect(seed).toMatchObject({ code: 0 })
  return { DATABASE_URL: databaseUrl }
}

/** A supplier that accepts and delivers, or, for as long as it is silent, never answers. */
async function playSupplier() {
  const supplier = { url: '', isSilent: false, requests: [] as string[] }
  const server = createServer((request, response) => {
    supplier.requests.push(`${request.method} ${request.url}`)
    if (supplier.isSilent) return
    const answer: ReserveAnswerBody | StatusAnswerBody =
      request.method === 'POST' ? { accepted: true, ref: '1' } : { status: 'ok' }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  supplier.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return supplier
}

type Body = Record<string, unknown>

async function placeOrder(url: string, sku: string): Promise<string> {
  const { status, body } = await tryOrder(url, sku)
  expect(status).toBe(201)
  return String(body.id)
}

async function tryOrder(url: string, sku: string): Promise<{ status: number; body: Body }> {
  const response = await fetch(`${url}/api/order`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sku, qty: 2 }),
  })
  return { status: response.status, body: (await response.json()) as Body }
}

async function readOrder(url: string, id: string): Promise<Body> {
  const { status, body } = await get(url, `/api/orders/${id}`)
  expect(status).toBe(200)
  return body
}

/** @param sinceMs when the time began in which this is promised */
async function untilOrder(
  url: string,
  id: string,
  status: string,
  sinceMs = performance.now(),
): Promise<void> {
  const limitMs = sinceMs + RESCUE_LIMIT_MS - performance.now()
  await eventually(async () => (await readOrder(url, id)).status === status, limitMs)
}

async function get(url: string, path: string): Promise<{ status: number; body: Body }> {
  const response = await fetch(url + path)
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return { status: response.status, body: isJson ? JSON.parse(text) : {} }
}
