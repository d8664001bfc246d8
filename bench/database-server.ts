import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { migrate } from '../src/database/migrate.ts'
import { startEmbeddedPostgres } from '../src/embedded-postgres/embedded-postgres.ts'
import { findSystemPostgres, startSystemPostgres } from '../test/support/system-postgres.ts'
import type { BenchContext } from './scenario.ts'

/** More connections than five processes need. Every other setting is PostgreSQL's default: above all, its durability. */
const SETTINGS = { max_connections: '200' }
const TEMPLATE = 'holdfast_bench_template'

/** The PostgreSQL that the benchmark runs on. */
export type DatabaseServer = Pick<BenchContext, 'createDatabase'> & {
  version: string
  /** Which it is, for people. */
  server: ServerName
  stop: () => Promise<void>
}

/** The embedded one, one of the system's programs, or one that is there. */
export type ServerName = 'embedded' | 'system' | 'given'

/**
 * Starts a PostgreSQL in a temporary folder, with a migrated database to clone.
 *
 * @param which of BENCH_DATABASE: the URL of a superuser on a server that is there, a folder with PostgreSQL's programs, or
 *   `system` for the newest that Debian's packages have installed; the embedded one where it is not set
 */
export async function startDatabaseServer(
  which: string | undefined = process.env.BENCH_DATABASE,
): Promise<DatabaseServer> {
  const { server, url: given, stop: stopServer } = await start(which)
  const url = withDatabase(given, 'postgres')
  const stop = async () => {
    if (server === 'given') await query(url, `drop database if exists ${TEMPLATE}`).catch(() => {})
    await stopServer()
  }
  try {
    await query(url, `create database ${TEMPLATE}`)
    await migrate(withDatabase(given, TEMPLATE))
    const [row] = await query(url, 'show server_version')
    return { version: String(row.server_version), server, createDatabase: () => createDatabase(url), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function start(which: string | undefined) {
  if (!which) return { server: 'embedded' as const, ...(await startEmbedded()) }
  if (/^postgres(ql)?:/.test(which)) return { server: 'given' as const, url: which, stop: async () => {} }
  const bin = which === 'system' ? await findSystemPostgres() : which
  return { server: 'system' as const, ...(await startSystemPostgres(bin, SETTINGS)) }
}

async function startEmbedded() {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true })
  const server = await startEmbeddedPostgres({ dataDir, settings: SETTINGS }).catch(async (error) => {
    await removeDataDir()
    throw error
  })
  return {
    url: server.url,
    stop: async () => {
      await server.stop()
      await removeDataDir()
    },
  }
}

let databases = 0

async function createDatabase(url: string): ReturnType<BenchContext['createDatabase']> {
  const name = `holdfast_bench_${++databases}`
  await query(url, `create database ${name} template ${TEMPLATE}`)
  // what an earlier run left to be written is not written while the next one is timed
  await query(url, 'checkpoint')
  return {
    url: withDatabase(url, name),
    drop: async () => {
      await query(url, `drop database if exists ${name} with (force)`)
    },
  }
}

function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

async function query(url: string, statement: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(statement)).rows
  } finally {
    await client.end()
  }
}
