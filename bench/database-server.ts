import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startEmbeddedPostgres } from '../src/database/embedded-postgres.ts'
import { migrate } from '../src/database/migrate.ts'
import type { BenchContext } from './scenario.ts'

/** More connections than five processes need. Every other setting is PostgreSQL's default: above all, its durability. */
const SETTINGS = { max_connections: '200' }
const TEMPLATE = 'holdfast_bench_template'

/** The benchmark's own PostgreSQL. */
export type DatabaseServer = Pick<BenchContext, 'createDatabase'> & {
  version: string
  stop: () => Promise<void>
}

/** Starts a PostgreSQL in a temporary folder, with a migrated database to clone. */
export async function startDatabaseServer(): Promise<DatabaseServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-bench-'))
  const removeDataDir = () => rm(dataDir, { recursive: true, force: true })
  const server = await startEmbeddedPostgres({ dataDir, settings: SETTINGS }).catch(async (error) => {
    await removeDataDir()
    throw error
  })
  const stop = async () => {
    await server.stop()
    await removeDataDir()
  }
  try {
    const url = withDatabase(server.url, 'postgres')
    await query(url, `create database ${TEMPLATE}`)
    await migrate(withDatabase(server.url, TEMPLATE))
    const [row] = await query(url, 'show server_version')
    return { version: String(row.server_version), createDatabase: () => createDatabase(url), stop }
  } catch (error) {
    await stop()
    throw error
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
