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
 * the table whole, and is kept: with 100,000 jobs waiting, a call took 12.1 ms, and takes 1.0 ms by the index. Planned at
 * each call as our own statements are, whoever calls; earlier versions of Holdfast set another setting.
 */
const PLAN_ADD_JOBS_ANEW = `alter function graphile_worker.add_jobs(graphile_worker.job_spec[], boolean)
  reset enable_seqscan set plan_cache_mode = force_custom_plan`

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
 * The last statement of every migration: its row says that it is finished from the very commit that applies it, not a
 * moment later when the engine writes that as well. So a row without `finished_at` is one of which nothing was applied.
 * A script that was rolled back meanwhile, by a process that took this one for dead, does not commit.
 */
const FINISH = `do $$ begin
  update _prisma_migrations set finished_at = now() where finished_at is null and rolled_back_at is null;
  if not found then raise exception 'another process took the migration over'; end if;
end $$`

/** What a script fails with that makes what is there: column, schema, function, type or constraint, table or index. */
const DUPLICATE_SQLSTATES = ['42701', '42P06', '42723', '42710', '42P07']

/**
 * Brings a database up to date: Holdfast's tables, then graphile-worker's. Safe to call from several processes at once.
 *
 * Works with the same `_prisma_migrations` table as `prisma migrate deploy`. A migration that an outage or an error
 * stopped in the middle is tried again.
 *
 * @returns the names of Holdfast's migrations that were applied now, oldest first
 * @throws when a migration fails, of which nothing stays then; nothing else is tried after it
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
    await rollBackUnfinished(client)
    const appliedMigrationNames = await applyMigrations(databaseUrl)
    // before any worker: two that migrate graphile-worker's schema at once trip over each other
    await runMigrations({ connectionString: databaseUrl })
    await client.query(PLAN_ADD_JOBS_ANEW)
    await client.query(VACUUM_JOBS_AS_THEY_GO)
    if (lost) throw new Error('The connection that held the migration lock was lost', { cause: lost })
    return appliedMigrationNames
  } finally {
    await client.end()
  }
}

/** What `prisma migrate resolve --rolled-back` does, for which the native engine is needed. */
async function rollBackUnfinished(client: pg.Client): Promise<void> {
  const { rows } = await client.query(`select to_regclass('_prisma_migrations') as migrations`)
  if (rows[0].migrations === null) return
  await client.query(
    'update _prisma_migrations set rolled_back_at = now() where finished_at is null and rolled_back_at is null',
  )
}

async function applyMigrations(databaseUrl: string): Promise<string[]> {
  const { migrationsList, scripts } = await readMigrations()
  try {
    const { appliedMigrationNames } = await withSchemaEngine(
      databaseUrl,
      (engine) => engine.applyMigrations({ migrationsList, filters: NO_FILTERS }),
      // the engine has scripts of its own as well
      (script) => (scripts.has(script) ? `${script}\n;\n${FINISH}` : script),
    )
    return appliedMigrationNames
  } catch (error) {
    throw explain(error)
  }
}

function explain(failure: unknown): unknown {
  const { cause, message } = failure as Error
  if (!(cause instanceof pg.DatabaseError && DUPLICATE_SQLSTATES.includes(cause.code ?? ''))) return failure
  return new Error(
    `${message}. The script was undone. It makes what is there already, by hand or by another program. ` +
      'Remove that, or, where all of the script is there, say so, and start again: ' +
      'update _prisma_migrations set finished_at = now() where finished_at is null and rolled_back_at is null;',
    { cause: failure },
  )
}

/** Every migration in `prisma/migrations`, in the form that the schema engine takes. */
async function readMigrations(): Promise<{ migrationsList: MigrationList; scripts: Set<string> }> {
  const entries = await readdir(migrationsDir, { withFileTypes: true })
  const names = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
  const migrations = await Promise.all(
    names.map(async (name) => ({
      name,
      script: await readFile(`${migrationsDir}/${name}/migration.sql`, 'utf8'),
    })),
  )
  const migrationsList: MigrationList = {
    baseDir: migrationsDir,
    lockfile: {
      path: 'migration_lock.toml',
      content: await readFile(`${migrationsDir}/migration_lock.toml`, 'utf8'),
    },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, script }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: script } },
    })),
  }
  return { migrationsList, scripts: new Set(migrations.map(({ script }) => script)) }
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
