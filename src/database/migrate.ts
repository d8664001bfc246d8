import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { MigrationList } from '@prisma/schema-engine-wasm'
import { runMigrations } from 'graphile-worker'
import pg from 'pg'
import { withSchemaEngine } from './schema-engine.ts'

const migrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
const schemaPath = fileURLToPath(new URL('../../prisma/schema.prisma', import.meta.url))

/** A database that does not answer in this time is not there. */
const CONNECT_TIMEOUT_MS = 10_000

const NO_FILTERS = { externalTables: [], externalEnums: [] }

/**
 * graphile-worker's `add_jobs` looks for jobs under the new ones' keys. Its plan is made while the table is small, reads
 * the table whole, and is kept: with 100,000 jobs waiting, a call took 12.1 ms, and takes 1.0 ms by the index.
 */
const KEEP_ADD_JOBS_ON_ITS_INDEX =
  'alter function graphile_worker.add_jobs(graphile_worker.job_spec[], boolean) set enable_seqscan = off'

/**
 * Each job is inserted, updated and deleted within moments: the queue is vacuumed without the usual pauses, and by how
 * many jobs have gone rather than by how many wait, or a long backlog would keep the dead ones.
 */
const VACUUM_JOBS_AS_THEY_GO = `alter table graphile_worker._private_jobs set (
  autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_cost_delay = 0
)`

/** Any number, as long as every version of Holdfast takes the same: two servers that start at once migrate in turn. */
const MIGRATION_LOCK = 4_716_253_908

/**
 * Brings a database up to date: Holdfast's tables, then graphile-worker's. Safe to call from several processes at once.
 *
 * Works with the same `_prisma_migrations` table as `prisma migrate deploy`.
 *
 * @returns the names of Holdfast's migrations that were applied now, oldest first
 * @throws when a migration fails or an earlier one was left half-applied; nothing else is tried after it
 */
export async function migrate(databaseUrl: string): Promise<string[]> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: 'holdfast-migrate',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  let lost: Error | undefined
  client.on('error', (error) => {
    lost = error
  })
  await client.connect()
  try {
    // held by this connection: one that is lost gives the lock back by itself
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    const migrationsList = await readMigrations()
    const { appliedMigrationNames } = await withSchemaEngine(databaseUrl, (engine) =>
      engine.applyMigrations({ migrationsList, filters: NO_FILTERS }),
    )
    // before any worker: two that migrate graphile-worker's schema at once trip over each other
    await runMigrations({ connectionString: databaseUrl })
    await client.query(KEEP_ADD_JOBS_ON_ITS_INDEX)
    await client.query(VACUUM_JOBS_AS_THEY_GO)
    if (lost) throw new Error('The connection that held the migration lock was lost', { cause: lost })
    return appliedMigrationNames
  } finally {
    await client.end()
  }
}

/** Every migration in `prisma/migrations`, in the form that the schema engine takes. */
async function readMigrations(): Promise<MigrationList> {
  const entries = await readdir(migrationsDir, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  return {
    baseDir: migrationsDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(`${migrationsDir}/migration_lock.toml`, 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: await Promise.all(
      names.map(async (name) => ({
        path: name,
        migrationFile: {
          path: 'migration.sql',
          content: {
            tag: 'ok' as const,
            value: await readFile(`${migrationsDir}/${name}/migration.sql`, 'utf8'),
          },
        },
      })),
    ),
  }
}

/**
 * The SQL that would make `prisma/schema.prisma` out of an empty database: a test holds the migrations against it,
 * and a new migration starts from its difference to the last.
 */
export async function schemaSql(databaseUrl: string): Promise<string> {
  const files = [{ path: schemaPath, content: await readFile(schemaPath, 'utf8') }]
  const { stdout } = await withSchemaEngine(databaseUrl, (engine) =>
    engine.diff({
      from: { tag: 'empty' },
      to: { tag: 'schemaDatamodel', files },
      script: true,
      exitCode: null,
      filters: NO_FILTERS,
    }),
  )
  return stdout ?? ''
}
