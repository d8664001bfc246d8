import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from 'pg'
import { expect, onTestFinished, test, vi } from 'vitest'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/embedded-postgres/embedded-postgres.ts'

const MODULE = new URL('../../src/embedded-postgres/embedded-postgres.ts', import.meta.url).href

// a start takes 1 s on an idle machine; these run beside the rest of the suite
const TEST_LIMIT_MS = 60_000

vi.setConfig({ testTimeout: TEST_LIMIT_MS, hookTimeout: TEST_LIMIT_MS })

test('creates a database at the first start and keeps data and port over a stop', async () => {
  const { dataDir, start } = prepare()
  const first = await start()
  expect(await query(first, 'show server_encoding')).toEqual([{ server_encoding: 'UTF8' }])
  await query(first, 'create table kept (sku text)')
  await query(first, `insert into kept values ('GIZMO')`)
  await Promise.all([first.stop(), first.stop()])
  expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false)

  const second = await start()
  expect(await query(second, 'select sku from kept')).toEqual([{ sku: 'GIZMO' }])
  expect(second.url).toBe(first.url)
})

test('keeps the password to its owner and listens on loopback without a socket', async () => {
  const { dataDir, start } = prepare()
  const postgres = await start({ work_mem: '5MB', 'holdfast.note': `it's "quoted"` })
  expect(statSync(join(dataDir, 'password')).mode & 0o777).toBe(0o600)
  const names = ['listen_addresses', 'unix_socket_directories', 'fsync', 'synchronous_commit', 'work_mem']
  const settings = await query(
    postgres,
    `select current_setting(name) as value from unnest(array['${names.join(`','`)}']) as name`,
  )
  expect(settings.map(({ value }) => value)).toEqual(['127.0.0.1', '', 'on', 'on', '5MB'])
  expect(await query(postgres, 'show holdfast.note')).toEqual([{ 'holdfast.note': `it's "quoted"` }])

  const withoutPassword = new URL(postgres.url)
  withoutPassword.password = 'wrong'
  await expect(query({ url: withoutPassword.href }, 'select')).rejects.toThrow(
    /password authentication failed/,
  )
})

test('runs the server in a session and process group of its own', async () => {
  const { dataDir, start } = prepare()
  await start()
  const groups = (pid: number) =>
    execFileSync('ps', ['-o', 'pgid=,sid=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
  const [ourGroup, ourSession] = groups(process.pid)
  const [group, session] = groups(postmasterPid(dataDir))
  expect(group).not.toBe(ourGroup)
  expect(session).not.toBe(ourSession)
})

test('refuses a second start while the first runs, and names its pid', async () => {
  const { dataDir, start } = prepare()
  const owner = await startInChild(dataDir)
  await expect(start()).rejects.toThrow(`${dataDir} is in use by process ${owner.pid}`)
  expect(await query(owner, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('lets one of two first starts win', async () => {
  const { dataDir, start } = prepare()
  const results = await Promise.allSettled([start(), start()])
  const refused = results.filter((result) => result.status === 'rejected')
  expect(refused.map(({ reason }) => reason.message)).toEqual([
    expect.stringContaining(`${dataDir} is in use by process ${process.pid}`),
  ])
  expect(entries(dataDir)).toEqual(['password', 'port', 'postgres', 'postgres.log', 'programs'])
})

test('adopts the server of an owner that was killed', async () => {
  const { dataDir, start } = prepare()
  const owner = await startInChild(dataDir)
  const server = postmasterPid(dataDir)
  await owner.kill()
  const adopted = await start()
  expect(adopted.url).toBe(owner.url)
  expect(postmasterPid(dataDir)).toBe(server)
  await adopted.stop()
  expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false)
})

test('starts after the owner and the server were both killed, a busy backend left behind', async () => {
  const { dataDir, start } = prepare()
  const owner = await startInChild(dataDir)
  await query(owner, 'create table kept (sku text)')
  // outlives its server for a while: it notices at the end of the query
  const busy = query(owner, 'select count(*) from generate_series(1, 30000000)').catch(() => {})
  await owner.kill()
  process.kill(postmasterPid(dataDir), 'SIGKILL')
  const postgres = await start()
  expect(await query(postgres, 'select from kept')).toEqual([])
  await busy
})

test('takes the ownership again after the connection was lost', async () => {
  const { dataDir, start, lines } = prepare()
  const postgres = await start()
  await query(
    postgres,
    `select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'holdfast-owner-%'`,
  )
  await vi.waitFor(() => expect(lines).toContain('The embedded PostgreSQL is owned again'), {
    timeout: 10_000,
  })
  await expect(start()).rejects.toThrow(`${dataDir} is in use by process ${process.pid}`)
})

test('starts a server that was killed again, on the same port, as often as that happens', async () => {
  const { dataDir, start, lines } = prepare()
  const postgres = await start({}, { restarts: true })
  await query(postgres, 'create table kept (sku text)')
  for (const round of [1, 2]) {
    const killed = await killPostmaster(dataDir)
    const owned = () => lines.filter((line) => line === 'The embedded PostgreSQL is owned again')
    await vi.waitFor(() => expect(owned()).toHaveLength(round), { timeout: 20_000 })
    expect(postmasterPid(dataDir)).not.toBe(killed)
    expect(await query(postgres, 'select from kept')).toEqual([])
  }
  await postgres.stop()
  expect(existsSync(join(dataDir, 'postgres/postmaster.pid'))).toBe(false)
})

test('tries a restart that fails again, ever more seldom, until it succeeds', async () => {
  const { dataDir, start, lines } = prepare()
  const postgres = await start({}, { restarts: true })
  const file = join(dataDir, 'postgres/postgresql.conf')
  const config = readFileSync(file, 'utf8')
  writeFileSync(file, `${config}\nwork_mem = 'plenty'\n`)
  await killPostmaster(dataDir)
  const failures = () => lines.filter((line) => line.startsWith('It did not start'))
  await vi.waitFor(() => expect(failures()).toHaveLength(3), { timeout: 30_000 })
  expect(failures().map((line) => /again in (\d+) s: .*?work_mem/s.exec(line)?.[1])).toEqual(['1', '2', '4'])
  writeFileSync(file, config)
  await vi.waitFor(() => expect(lines).toContain('The embedded PostgreSQL is owned again'), {
    timeout: 30_000,
  })
  expect(await query(postgres, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('starts no killed server without being told to, and none during a stop', async () => {
  const { dataDir, start, lines } = prepare()
  const left = await start()
  await killPostmaster(dataDir)
  await delay(1_500)
  await expect(query(left, 'select')).rejects.toThrow('ECONNREFUSED')
  await left.stop()

  const stopped = await start({}, { restarts: true })
  await killPostmaster(dataDir)
  await stopped.stop()
  await delay(1_500)
  await expect(query(stopped, 'select')).rejects.toThrow('ECONNREFUSED')
  expect(lines.filter((line) => line.includes('starting it again'))).toEqual([])
})

test('leaves a server alone that another process started after a kill', async () => {
  const { dataDir, start } = prepare()
  const first = await startInChild(dataDir)
  process.kill(first.pid, 'SIGSTOP')
  await killPostmaster(dataDir)
  // the stopped owner still holds its end of the lost connection
  const second = await start()
  const server = postmasterPid(dataDir)
  process.kill(first.pid, 'SIGCONT')
  await vi.waitFor(() => expect(first.stderr()).toContain(`was taken over by process ${process.pid}`), {
    timeout: 10_000,
  })
  await first.stop()
  expect(first.stderr()).not.toContain('starting it again')
  expect(postmasterPid(dataDir)).toBe(server)
  expect(await query(second, 'select 1 as one')).toEqual([{ one: 1 }])
})

test('chooses another port where something else took the last one', async () => {
  const { start } = prepare()
  const first = await start()
  await first.stop()
  const squatter = createServer().listen(Number(new URL(first.url).port), '127.0.0.1')
  await once(squatter, 'listening')
  onTestFinished(() => void squatter.close())
  const second = await start()
  expect(new URL(second.url).port).not.toBe(new URL(first.url).port)
})

test('removes what a start killed in the middle left behind', async () => {
  const { dataDir, start } = prepare()
  const gone = spawn('true')
  await once(gone, 'exit')
  mkdirSync(join(dataDir, `postgres.init-${gone.pid}-0badcafe`))
  await start()
  expect(entries(dataDir)).toEqual(['password', 'port', 'postgres', 'postgres.log', 'programs'])
})

test('says what the log says where the server does not start', async () => {
  const { start } = prepare()
  await expect(start({ shared_buffers: 'plenty' })).rejects.toThrow(
    /did not start.*invalid value for parameter "shared_buffers": "plenty"/s,
  )
})

test.runIf(process.getuid?.() === 0)('names the folder that bars the way of the user postgres', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'holdfast-barred-'))
  onTestFinished(() => rmSync(parent, { recursive: true }))
  await expect(startEmbeddedPostgres({ dataDir: join(parent, 'data') })).rejects.toThrow(
    `may not enter ${parent} (mode 700)`,
  )
})

/** A data directory of its own; what was started on it is stopped in the end. */
function prepare() {
  const dataDir = mkdtempSync(join(tmpdir(), 'holdfast-postgres-'))
  const started: EmbeddedPostgres[] = []
  const lines: string[] = []
  const start = async (settings: Record<string, string> = {}, { restarts = false } = {}) => {
    const log = (line: string) => void lines.push(line)
    const postgres = await startEmbeddedPostgres({ dataDir, settings, restarts, log })
    started.push(postgres)
    return postgres
  }
  onTestFinished(async () => {
    await Promise.all(started.map((postgres) => postgres.stop()))
    rmSync(dataDir, { recursive: true, force: true })
  })
  return { dataDir, start, lines }
}

/** Another process that owns the database, until it is killed or the test ends. */
async function startInChild(dataDir: string) {
  const script = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(MODULE)})
    const warn = (line) => process.stderr.write(line)
    const postgres = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, restarts: true, warn })
    // as the HTTP server of a real one does, also while there is no connection
    const staysAlive = setInterval(() => {}, 1_000)
    process.once('SIGTERM', () => postgres.stop().finally(() => clearInterval(staysAlive)))
    process.stdout.write(postgres.url)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text
  })
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }
  onTestFinished(() => end('SIGTERM'))
  const [url] = await once(child.stdout.setEncoding('utf8'), 'data')
  return {
    url: String(url),
    pid: child.pid!,
    stderr: () => stderr,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  }
}

/** What is in the data directory, without versions. */
function entries(dataDir: string): string[] {
  return readdirSync(dataDir)
    .map((name) => name.replace(/^programs-[\d.]+(-beta\.\d+)?$/, 'programs'))
    .sort()
}

function postmasterPid(dataDir: string): number {
  return Number(readFileSync(join(dataDir, 'postgres/postmaster.pid'), 'utf8').split('\n')[0])
}

/** As a crash would: without a word to its backends, which end by themselves. Gives the pid. */
async function killPostmaster(dataDir: string): Promise<number> {
  const pid = postmasterPid(dataDir)
  process.kill(pid, 'SIGKILL')
  await vi.waitFor(() => {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, 'utf8') : ') Z'
    expect(stat).toContain(') Z')
  }, 50_000)
  return pid
}

async function query({ url }: { url: string }, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  client.on('error', () => {})
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end().catch(() => {})
  }
}
