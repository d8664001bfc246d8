import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { eventually } from './support/harness.ts'
import { get, placeOrder, readOrder, tryOrder, untilOrder } from './support/rest-orders.ts'
import { endPostgres, Processes, readPostgresPid, STOP_LIMIT_MS } from './support/server-process.ts'

// the server with the database that it brings; server.test.ts has it on one that it is given

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

test.each(['SIGHUP', 'SIGQUIT'] as const)('leaves no database behind at %s', async (signal) => {
  const env = { DATA_DIR: await processes.makeDataDir() }
  const server = await processes.startServer(env)
  expect(await server.end(signal)).toMatchObject({ code: 0 })
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
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
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const env = { DATA_DIR: await processes.makeDataDir(), PORT: String(port) }
  const { code, stderr } = await processes.run('src/server.ts', env).ended
  expect(code).toBe(1)
  expect(stderr).toMatch(
    /^Holdfast cannot start: It cannot listen at 127\.0\.0\.1:\d+ \(EADDRINUSE\): another program/m,
  )
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
})

test('stops at a SIGTERM that comes while it starts', async () => {
  const env = { DATA_DIR: await processes.makeDataDir(), PORT: '0' }
  const starting = processes.run('src/server.ts', env)
  await eventually(() => readPostgresPid(env.DATA_DIR).catch(() => undefined))
  expect(await starting.end('SIGTERM')).toMatchObject({ code: 0 })
  await expect(readPostgresPid(env.DATA_DIR)).rejects.toThrow('ENOENT')
})
