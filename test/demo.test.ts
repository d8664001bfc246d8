import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nameOf, SCENARIOS } from '../src/demo/scenarios.ts'
import { findFreePort } from './support/free-port.ts'
import { createTestDatabase, eventually } from './support/harness.ts'
import { type Env, Processes, type RunningServer } from './support/server-process.ts'
import { mint, SECRET } from './support/tokens.ts'

const processes = new Processes()
let database: Awaited<ReturnType<typeof createTestDatabase>>

beforeAll(async () => {
  database = await createTestDatabase()
  const seed = await processes.run('prisma/seed.ts', { DATABASE_URL: database.databaseUrl }).ended
  expect(seed).toMatchObject({ code: 0, stdout: '11 items created\n' })
})
afterEach(() => processes.end())
afterAll(() => database.drop())

test('brings each order to the end that it is there to show', async () => {
  const server = await startServer({ SUPPLIER_RECHECK_DELAY_MS: '100', SUPPLIER_RETRY_BASE_MS: '5' })
  const demo = await processes.run('src/demo.ts', { PORT: portOf(server.url) }).ended
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  expect(outcomesOf(demo.stdout)).toEqual(
    Object.fromEntries(SCENARIOS.map((scenario) => [nameOf(scenario), scenario.outcome])),
  )
  expect(demo.stdout).toContain(`7 × RESERVED
  1 × SHIPPED
  1 × CANCELLED
  1 × EXPIRED
  1 × SUPPLIER_REFUSED
  1 × SUPPLIER_FAILED
  1 × SUPPLIER_DELAYED
  1 × SUPPLIER_UNREACHABLE`)
  const eventsOf = (name: string) =>
    [...demo.stdout.matchAll(new RegExp(`^ +[\\d.]+  ${name} .* → .* (\\w+)$`, 'gm'))].map(
      ([, event]) => event,
    )
  expect(eventsOf('GADGET')).toEqual(['OrderCreated', 'OrderReserved', 'OrderShipped', 'OrderReturned'])
  expect(eventsOf('GIZMO')).toEqual(['OrderCreated', 'OrderReserved', 'OrderCancelled'])
  expect(eventsOf('GADGET\\+WIDGET')).toEqual(['OrderCreated', 'OrderReserved', 'OrderConfirmed'])
  expect(eventsOf('GIZMO\\+WIDGET')).toEqual(['OrderCreated', 'OrderReserved', 'OrderExpired'])
  expect(eventsOf('BACKORDER')).toEqual(['OrderCreated', 'OrderAwaitingRestock', 'OrderReserved'])
  // no escape codes where it is no terminal
  expect(demo.stdout).not.toContain('\u001b')
  expect(await server.end('SIGTERM')).toMatchObject({ code: 0 })
})

test('takes a token for a server with authentication, and says that it needs one', async () => {
  const server = await startServer({
    AUTH_JWT_SECRET: SECRET,
    SUPPLIER_RECHECK_DELAY_MS: '50',
    SUPPLIER_RETRY_BASE_MS: '5',
  })
  const PORT = portOf(server.url)
  const without = await processes.run('src/demo.ts', { PORT }).ended
  expect(without).toMatchObject({ code: 1, stderr: expect.stringContaining('HOLDFAST_TOKEN') })
  const customer = await processes.run('src/demo.ts', {
    PORT,
    HOLDFAST_TOKEN: await mint('alice', 'customer'),
  }).ended
  expect(customer).toMatchObject({ code: 1, stderr: expect.stringContaining('the token of an operator') })
  const HOLDFAST_TOKEN = await mint('olga', 'operator')
  const demo = await processes.run('src/demo.ts', { PORT, HOLDFAST_TOKEN }).ended
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  expect(demo.stdout).toContain('7 × RESERVED')
})

test('ends in seconds where only the delay of the re-checks is short, and says what is still retried', async () => {
  // so many tries that chance cannot make them short
  const server = await startServer({ SUPPLIER_RECHECK_DELAY_MS: '100', SUPPLIER_MAX_ATTEMPTS: '20' })
  const demo = await processes.run('src/demo.ts', { PORT: portOf(server.url) }).ended
  expect(demo).toMatchObject({ code: 0, stderr: '' })
  expect(outcomesOf(demo.stdout)).toMatchObject({
    'SCARCE-DELAYED': 'SUPPLIER_DELAYED',
    'SCARCE-DOWN': 'AWAITING_RESTOCK',
  })
  expect(demo.stdout).toContain('The order of SCARCE-DOWN is still AWAITING_RESTOCK')
  expect(demo.stdout).toContain('SUPPLIER_RETRY_BASE_MS=20')
})

test('prints no change twice when the server is killed and started again', async () => {
  const env = { SUPPLIER_RECHECK_DELAY_MS: '1500', SUPPLIER_RETRY_BASE_MS: '5' }
  const server = await startServer(env)
  const port = portOf(server.url)
  const demo = processes.run('src/demo.ts', { PORT: port })
  await eventually(() => demo.stdout().match(/SCARCE-.*→ AWAITING_RESTOCK/g)?.length === 8)
  await server.end('SIGKILL')
  await eventually(() => demo.stdout().includes('The connection is lost'))
  await startServer({ ...env, PORT: port })
  const { code, stdout } = await demo.ended
  expect(code).toBe(0)
  expect(stdout).toContain('Connected again')
  const changes = [...stdout.matchAll(/^ +[\d.]+ {2}(\S+) .*→ \w+ +(\d+)/gm)].map(
    ([, sku, version]) => `${sku} ${version}`,
  )
  expect(changes.toSorted()).toEqual([...new Set(changes)].toSorted())
  // by eight orders that ask the supplier, one that is reserved, one that is shipped and returned, and one each that is cancelled,
  // confirmed, that expires, and that is restocked
  expect(changes).toHaveLength(8 * 3 + 2 + 4 + 4 * 3)
})

test('leaves on Ctrl-C with what it has seen so far', async () => {
  const server = await startServer({})
  const demo = processes.run('src/demo.ts', { PORT: portOf(server.url) })
  await eventually(() => /→ FAILED .*SUPPLIER_REFUSED/.test(demo.stdout()))
  expect(await demo.end('SIGINT')).toMatchObject({
    code: 130,
    stderr: '',
    stdout: expect.stringContaining('× under way'),
  })
})

test('says how to start the server where nothing answers', async () => {
  const port = await findFreePort()
  const demo = await processes.run('src/demo.ts', { PORT: port }).ended
  expect(demo).toMatchObject({ code: 1, stdout: '' })
  expect(demo.stderr).toContain(`Nothing answers at http://127.0.0.1:${port}`)
  expect(demo.stderr).toContain('npm start')
})

function startServer(env: Env): Promise<RunningServer> {
  return processes.startServer({ DATABASE_URL: database.databaseUrl, ...env })
}

function portOf(url: string): string {
  return new URL(url).port
}

/** The outcomes in the demo's last table, by SKU. */
function outcomesOf(stdout: string): Record<string, string> {
  const [, table = ''] = /SKU +outcome +seconds\n(.*?)\n\n/s.exec(stdout) ?? []
  const rows = table.split('\n').map((row) => row.trim().split(/ +/))
  return Object.fromEntries(rows.map(([sku, outcome]) => [sku, outcome]))
}
