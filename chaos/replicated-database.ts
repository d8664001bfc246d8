import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, chown, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { choosePostgresUser, runCommand } from '../src/embedded-postgres/postgres-binaries.ts'
import { findFreePort } from '../test/support/free-port.ts'

const COMMAND_LIMIT_MS = 60_000
const QUERY_LIMIT_MS = 60_000
/** As often as HAProxy looks which server is the primary, and how long a look may take. */
const CHECK_INTERVAL_MS = 250
const CHECK_LIMIT_MS = 1_000
const DEBIAN_POSTGRESQL = '/usr/lib/postgresql'
const STANDBY = 'standby'

/** A primary and a standby to which every commit is copied, behind HAProxy, which passes connections to the primary. */
export type ReplicatedDatabase = {
  /** By way of HAProxy. */
  url: string
  /** Runs `work` with a connection of its own to the server that was promoted last, past HAProxy. */
  withClient<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result>
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Ends every process of the primary at once, or stops it where it stands: nothing of it closes a connection then. */
  harmPrimary(signal: 'SIGKILL' | 'SIGSTOP'): Promise<void>
  /** Makes the standby the primary. Resolves once it takes writes. */
  promote(): Promise<void>
  remove(): Promise<void>
}

/** Where Debian's packages put the programs; the newest where there are several. */
async function findBinDir(): Promise<string> {
  const versions = await readdir(DEBIAN_POSTGRESQL).catch(() => [])
  const newest = versions
    .map(Number)
    .filter(Number.isInteger)
    .sort((one, other) => other - one)[0]
  if (newest === undefined)
    throw new Error(`There is no PostgreSQL in ${DEBIAN_POSTGRESQL}: apt-get install postgresql haproxy`)
  return join(DEBIAN_POSTGRESQL, String(newest), 'bin')
}

/** Starts all three, on free ports of loopback, in a temporary folder. */
export async function startReplicatedDatabase(): Promise<ReplicatedDatabase> {
  const bin = await findBinDir()
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-failover-'))
  const user = await choosePostgresUser(join(folder, 'primary'))
  if (user) await chown(folder, user.uid, user.gid)
  const undos: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 5 }),
  ]
  const remove = async () => {
    for (const undo of undos.toReversed()) await undo().catch(() => {})
  }
  const run = async (program: string, ...args: string[]) => {
    const { code, output } = await runCommand(join(bin, program), args, {
      user,
      cwd: folder,
      limitMs: COMMAND_LIMIT_MS,
    })
    if (code !== 0) throw new Error(`${program} ended with ${code}: ${output}`)
  }

  async function start(name: string, port: string, settings: string): Promise<void> {
    const options = `-c port=${port} -c cluster_name=${name} ${settings}`
    const log = join(folder, `${name}.log`)
    await run('pg_ctl', 'start', '--wait', '--pgdata', join(folder, name), '--log', log, '--options', options)
    undos.push(() => signalAll(name, 'SIGKILL'))
  }

  /** Sends a signal to every process of a server. */
  async function signalAll(name: string, signal: NodeJS.Signals): Promise<void> {
    const postmaster = Number.parseInt(await readFile(join(folder, name, 'postmaster.pid'), 'utf8'), 10)
    for (const pid of [postmaster, ...(await childrenOf(postmaster))]) {
      try {
        process.kill(pid, signal)
      } catch {
        // ended by itself
      }
    }
  }

  try {
    const [primaryPort, standbyPort, balancerPort] = await Promise.all([
      findFreePort(),
      findFreePort(),
      findFreePort(),
    ])
    const primary = join(folder, 'primary')
    await run(
      'initdb',
      '--pgdata',
      primary,
      '--username',
      'holdfast',
      '--auth',
      'trust',
      '--encoding',
      'UTF8',
      '--no-locale',
    )
    await appendFile(
      join(primary, 'postgresql.conf'),
      [
        "listen_addresses = '127.0.0.1'",
        "unix_socket_directories = ''",
        'track_commit_timestamp = on',
        '',
      ].join('\n'),
    )
    await start('primary', primaryPort, `-c synchronous_standby_names=${STANDBY} -c synchronous_commit=local`)
    const standby = join(folder, STANDBY)
    const toPrimary = ['--host', '127.0.0.1', '--port', primaryPort, '--username', 'holdfast']
    await run(
      'pg_basebackup',
      '--pgdata',
      standby,
      '--write-recovery-conf',
      '--checkpoint',
      'fast',
      ...toPrimary,
    )
    // promoted it is alone: a commit that waited for another copy would wait for ever
    await start(STANDBY, standbyPort, '-c hot_standby=on')

    let promotedPort = primaryPort
    const withClient: ReplicatedDatabase['withClient'] = (work) => withConnection(promotedPort, work)
    const query = <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
      withClient(async (client) => (await client.query<Row>(text, values)).rows)
    for (;;) {
      const [state] = await query<{ state: string }>('select sync_state as state from pg_stat_replication')
      if (state?.state === 'sync') break
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    // from now on an acknowledged commit is on both
    await query('alter system set synchronous_commit = on')
    await run(
      'pg_ctl',
      'restart',
      '--wait',
      '--pgdata',
      primary,
      '--log',
      join(folder, 'primary.log'),
      '--options',
      `-c port=${primaryPort} -c cluster_name=primary -c synchronous_standby_names=${STANDBY}`,
    )

    const checks = [await startPrimaryCheck(primaryPort), await startPrimaryCheck(standbyPort)]
    undos.push(...checks.map(({ close }) => close))
    const configuration = join(folder, 'haproxy.cfg')
    await writeFile(
      configuration,
      balancerConfiguration(balancerPort, [
        { port: primaryPort, checkPort: checks[0]!.port },
        { port: standbyPort, checkPort: checks[1]!.port },
      ]),
    )
    const balancer = await startBalancer(configuration)
    undos.push(async () => {
      const ended = once(balancer, 'exit')
      balancer.kill('SIGKILL')
      await ended
    })
    return {
      url: `postgres://holdfast@127.0.0.1:${balancerPort}/postgres`,
      withClient,
      query,
      harmPrimary: (signal) => signalAll('primary', signal),
      promote: async () => {
        await run('pg_ctl', 'promote', '--wait', '--pgdata', standby)
        promotedPort = standbyPort
      },
      remove,
    }
  } catch (error) {
    await remove()
    throw error
  }
}

/** As Patroni's documentation has it: each server says by HTTP whether it is the primary. */
function balancerConfiguration(port: string, servers: { port: string; checkPort: number }[]): string {
  return `global
  maxconn 1000
defaults
  mode tcp
  # a connection that is refused is refused: Holdfast tries again by itself, and sooner
  retries 0
  timeout connect 2s
  timeout client 1h
  timeout server 1h
listen postgres
  bind 127.0.0.1:${port}
  option httpchk GET /primary
  http-check expect status 200
  timeout check ${CHECK_LIMIT_MS}ms
  default-server inter ${CHECK_INTERVAL_MS}ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers.map((server, index) => `  server node${index} 127.0.0.1:${server.port} check port ${server.checkPort}`).join('\n')}
`
}

async function startBalancer(configuration: string): Promise<ChildProcess> {
  const balancer = spawn('haproxy', ['-q', '-db', '-f', configuration], {
    stdio: 'ignore',
    env: { PATH: `${process.env.PATH}:/usr/sbin` },
  })
  await once(balancer, 'spawn')
  process.on('exit', () => balancer.kill('SIGKILL'))
  return balancer
}

/** What Patroni's REST API is to HAProxy: 200 by the primary, 503 by anybody else. */
async function startPrimaryCheck(port: string): Promise<{ port: number; close: () => Promise<void> }> {
  const server = createServer(async (_request, response) => {
    const isPrimary = await withConnection(port, async (client) => {
      const { rows } = await client.query('select pg_is_in_recovery() as "isStandby"')
      return !rows[0].isStandby
    }).catch(() => false)
    response.writeHead(isPrimary ? 200 : 503).end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function withConnection<Result>(
  port: string,
  work: (client: pg.Client) => Promise<Result>,
): Promise<Result> {
  const client = new pg.Client({
    connectionString: `postgres://holdfast@127.0.0.1:${port}/postgres`,
    application_name: 'failover',
    connectionTimeoutMillis: CHECK_LIMIT_MS,
    query_timeout: QUERY_LIMIT_MS,
  })
  client.on('error', () => {})
  try {
    await client.connect()
    return await work(client)
  } finally {
    // one that is frozen says no goodbye
    void client.end().catch(() => {})
  }
}

/** The processes of a postmaster, by Linux's own book of them. */
async function childrenOf(pid: number): Promise<number[]> {
  const children: number[] = []
  for (const entry of await readdir('/proc')) {
    const stat = await readFile(`/proc/${entry}/stat`, 'utf8').catch(() => '')
    const parent = Number(/\) \S (\d+)/.exec(stat)?.[1])
    if (parent === pid) children.push(Number(entry))
  }
  return children
}
