import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClient } from 'graphql-ws'
import pg from 'pg'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import type { ReserveAnswerBody, StatusAnswerBody } from '../src/supplier/contract.ts'
import { createTestDatabase, eventually } from './support/harness.ts'
import { get, placeOrder, readOrder, untilOrder } from './support/rest-orders.ts'
import { Processes, STOP_LIMIT_MS } from './support/server-process.ts'
import { authorizationOf, SECRET } from './support/tokens.ts'

const processes = new Processes()

afterEach(() => processes.end())

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

test('refuses a misspelt variable, and names the one that was meant', async () => {
  const { code, stderr } = await processes.run('src/server.ts', { SUPPLIER_RECHEK_DELAY_MS: '5' }).ended
  expect(code).toBe(1)
  expect(stderr).toContain(
    'SUPPLIER_RECHEK_DELAY_MS is no variable of Holdfast; did you mean SUPPLIER_RECHECK_DELAY_MS?',
  )
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
