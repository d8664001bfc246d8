import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../src/database/migrate.ts'
import { openDataDirectory } from '../src/embedded-postgres/data-directory.ts'
import { startEmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.ts'
import { runCommand } from '../src/embedded-postgres/postgres-binaries.ts'

const COMMAND_LIMIT_MS = 60_000
/** The checks at the end of a long run read every row. */
const QUERY_LIMIT_MS = 300_000
/** By it the checks tell in which order transactions took their turn, whatever the clocks of the processes say. */
const SETTINGS = { track_commit_timestamp: 'on' }

/** A PostgreSQL of its own, with its default durability, that can be brought down as a power cut would. */
export type ChaosDatabase = {
  url: string
  port: number
  /** Runs a statement on a connection of its own, past the proxy. */
  query<Row extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<Row[]>
  /** Runs `work` with a connection of its own, past the proxy. */
  withClient<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result>
  /** Ends every server process at once, with nothing written that was not. */
  crash(): Promise<void>
  start(): Promise<void>
  /** Stops it and deletes all it kept. */
  remove(): Promise<void>
}

/** Reads the database under test, which has come to rest. */
export type Reader = Pick<ChaosDatabase, 'query' | 'withClient'>

/** Starts and migrates a database in a temporary folder. */
export async function startDatabase(): Promise<ChaosDatabase> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-chaos-'))
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true, maxRetries: 5 })
  const server = await startEmbeddedPostgres({ dataDir, settings: SETTINGS }).catch(async (error) => {
    await removeDataDir()
    throw error
  })
  const { url } = server
  const port = Number(new URL(url).port)

  const withClient: ChaosDatabase['withClient'] = async (work) => {
    const client = new pg.Client({
      connectionString: url,
      application_name: 'chaos',
      query_timeout: QUERY_LIMIT_MS,
      statement_timeout: QUERY_LIMIT_MS,
    })
    client.on('error', () => {})
    try {
      await client.connect()
      return await work(client)
    } finally {
      await client.end().catch(() => {})
    }
  }
  const pgCtl = async (...args: string[]) => {
    const { binaries, cluster, user, path } = await openDataDirectory(dataDir, () => {})
    const { code, output } = await runCommand(binaries.pg_ctl, [...args, '--wait', '--pgdata', cluster], {
      user,
      cwd: path,
      limitMs: COMMAND_LIMIT_MS,
    })
    if (code !== 0) throw new Error(`pg_ctl ${args[0]} ended with ${code}: ${output}`)
  }
  const options = `-c listen_addresses=127.0.0.1 -c port=${port} -c unix_socket_directories='' -c track_commit_timestamp=on`
  const start = () => pgCtl('start', '--log', join(dataDir, 'postgres.log'), '--options', options)

  const remove = async () => {
    await server.stop()
    await removeDataDir()
  }
  try {
    await migrate(url)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    url,
    port,
    withClient,
    query: <Row extends pg.QueryResultRow>(text: string, values: unknown[] = []) =>
      withClient(async (client) => (await client.query<Row>(text, values)).rows),
    crash: () => pgCtl('stop', '--mode', 'immediate'),
    start,
    remove,
  }
}
