import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { TestProject } from 'vitest/node'
import { migrate } from '../../src/database/migrate.ts'
import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.ts'
import { startSystemPostgres } from './system-postgres.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** A database of the tests' server, migrated and without connections: each test file clones it. */
    templateUrl: string
  }
}

/** Nothing here has to survive a crash of the machine. Holdfast prepares no transaction, but must bear with those of others. */
const SETTINGS = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
  max_prepared_transactions: '10',
}

/**
 * One PostgreSQL for the whole run: the embedded one, or with TEST_POSTGRES_BIN one of the programs in that folder, or with
 * TEST_DATABASE_URL one that is there, where it makes and drops databases of its own.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_DATABASE_URL: given, TEST_POSTGRES_BIN: bin } = process.env
  const { url, stop } = given
    ? { url: given, stop: async () => {} }
    : bin
      ? await startSystemPostgres(bin, SETTINGS)
      : await startOwn()
  const template = `holdfast_template_${process.pid}`
  await administer(url, `create database ${template}`)
  const templateUrl = withDatabase(url, template)
  await migrate(templateUrl)
  project.provide('templateUrl', templateUrl)
  return async () => {
    await administer(url, `drop database ${template}`)
    await stop()
  }
}

async function startOwn(): Promise<{ url: string; stop: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-test-'))
  const server = await startEmbeddedPostgres({ dataDir, settings: SETTINGS })
  return {
    url: server.url,
    stop: async () => {
      await server.stop()
      await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** The same server's URL with another database. */
export function withDatabase(url: string, database: string): string {
  const changed = new URL(url)
  changed.pathname = `/${database}`
  return changed.href
}

/** Runs a statement that concerns databases as a whole. */
export async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: withDatabase(url, 'postgres') })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
