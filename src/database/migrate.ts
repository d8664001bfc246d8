import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { runMigrations } from 'graphile-worker'
import pg from 'pg'
import { CONNECT_TIMEOUT_MS } from '../limits.ts'
import { tuneQueue } from '../sql/queue/tune-queue.ts'
import { checkDatabase } from './check-database.ts'
import { type ConnectionOptions, connect, ServerPool } from './connections.ts'
import { UnfitDatabaseError } from './unavailable.ts'

const migrationsDir = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))

/**
 * Who waits for the lock of a table makes all wait that come behind: for two seconds at most, and then they have twice
 * as long to catch up. Behind a backup it takes as many tries as the backup takes.
 */
const LOCK_TIMEOUT_MS = 2_000
const LOCK_RETRY_DELAY_MS = 4_000
/** lock_not_available, deadlock_detected */
const LOCKED_SQLSTATES = ['55P03', '40P01']

const MIGRATION_CONNECTION: ConnectionOptions = {
  application_name: 'holdfast-migrate',
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  keepAlive: true,
  // an index on many rows takes its time
  settings: {
    lock_timeout: String(LOCK_TIMEOUT_MS),
    statement_timeout: '0',
    idle_in_transaction_session_timeout: '0',
  },
}

/** Any number, as long as every version of Holdfast takes the same: two servers that start at once migrate in turn. */
const MIGRATION_LOCK = 4_716_253_908

/** As Prisma made it, which ran the migrations of earlier versions: each row a script that was applied, or begun. */
const CREATE_HISTORY = `create table if not exists _prisma_migrations (
  id varchar(36) primary key not null, checksum varchar(64) not null, finished_at timestamptz,
  migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
  started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`

const RECORD = `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
  values (gen_random_uuid(), $1, $2, now(), 1)`

/** What a script fails with that makes what is there: column, schema, function, type or constraint, table or index. */
const DUPLICATE_SQLSTATES = ['42701', '42P06', '42723', '42710', '42P07']

/** What a script refuses to run with, by `raise exception`: it says itself what is to be done. */
const REFUSED_SQLSTATE = 'P0001'

type Migration = { name: string; script: string; checksums: string[] }

/**
 * Brings a database up to date: Holdfast's tables, then graphile-worker's. Safe to call from several processes at once,
 * and again after an outage: a script and the row that says so are one transaction.
 *
 * @param warn hears when it has to wait for a lock
 * @returns the names of Holdfast's migrations that were applied now, oldest first
 * @throws {UnfitDatabaseError} when the database is not one to work with, is of a later version than this program, or is in
 * use by an earlier one that a script cannot run beside
 */
export async function migrate(
  databaseUrl: string,
  warn: (line: string) => void = () => {},
): Promise<string[]> {
  await checkDatabase(databaseUrl)
  let lost: Error | undefined
  const client = await connect(databaseUrl, MIGRATION_CONNECTION, (error) => {
    lost = error
  })
  try {
    // held by this connection: one that is lost gives the lock back by itself
    await retryWhileLocked('other processes migrate', warn, () =>
      client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]),
    )
    const pending = await findPending(client)
    for (const migration of pending)
      await retryWhileLocked(`${migration.name} waits for a table`, warn, () => apply(client, migration))
    await migrateJobs(databaseUrl, warn)
    if (lost) throw new Error('The connection that held the migration lock was lost', { cause: lost })
    return pending.map(({ name }) => name)
  } finally {
    await client.end().catch(() => {})
  }
}

async function findPending(client: pg.Client): Promise<Migration[]> {
  await ensureSchema(client)
  await client.query(CREATE_HISTORY)
  const { rows } = await client.query<{ name: string; checksum: string }>(
    `select migration_name as name, checksum from _prisma_migrations
      where finished_at is not null and rolled_back_at is null`,
  )
  const migrations = await readMigrations()
  for (const { name, checksum } of rows) {
    const known = migrations.find((migration) => migration.name === name)
    if (!known)
      throw new UnfitDatabaseError(
        `The database has the migration ${name}, which this program does not know: it is of a later version. ` +
          'Start that version, or restore the backup from before its migration.',
      )
    if (!known.checksums.includes(checksum))
      throw new UnfitDatabaseError(
        `The migration ${name} is not what was applied to the database (sha256 ${checksum}): ` +
          'put its file back as it was, and make a new migration for the change.',
      )
  }
  const applied = new Set(rows.map(({ name }) => name))
  return migrations.filter(({ name }) => !applied.has(name))
}

/** Makes the schema where there is none: the first that `search_path` names, of those that are not the user's own. */
async function ensureSchema(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: string | null; path: string }>(
    `select current_schema() as schema, current_setting('search_path') as path`,
  )
  if (rows[0]!.schema !== null) return
  const named = rows[0]!.path.match(/"(?:[^"]|"")*"|[^",\s]+/g)?.find((name) => name !== '"$user"')
  await client.query(`create schema ${named ?? 'public'}`)
  await client.query(`select set_config('search_path', $1, false)`, [named ?? 'public'])
}

async function apply(client: pg.Client, { name, script, checksums }: Migration): Promise<void> {
  try {
    await client.query('begin')
    await client.query(script)
    await client.query(RECORD, [checksums[0], name])
    await client.query('commit')
  } catch (cause) {
    await client.query('rollback').catch(() => {})
    if (isLocked(cause)) throw cause
    const { code, message } = cause as pg.DatabaseError
    if (code === REFUSED_SQLSTATE) throw new UnfitDatabaseError(message)
    throw failure(name, checksums[0]!, cause as pg.DatabaseError)
  }
}

function failure(name: string, checksum: string, cause: pg.DatabaseError): Error {
  const remedy = DUPLICATE_SQLSTATES.includes(cause.code ?? '')
    ? '. It makes what is there already, by hand or by another program. Remove that, or, where all of the script is ' +
      'there, say so, and start again: insert into _prisma_migrations (id, checksum, migration_name, finished_at) ' +
      `values (gen_random_uuid(), '${checksum}', '${name}', now());`
    : ''
  return new Error(`The migration ${name} failed and was undone: ${cause.message}${remedy}`, { cause })
}

/** Before any worker: two that migrate graphile-worker's schema at once trip over each other. */
async function migrateJobs(databaseUrl: string, warn: (line: string) => void): Promise<void> {
  const pool = new ServerPool(databaseUrl, { ...MIGRATION_CONNECTION, max: 2 })
  try {
    await retryWhileLocked('the tables of jobs', warn, async () => {
      await runMigrations({ pgPool: pool })
      await tuneQueue(pool)
    })
  } finally {
    await pool.end()
  }
}

async function retryWhileLocked(
  what: string,
  warn: (line: string) => void,
  work: () => Promise<unknown>,
): Promise<void> {
  for (;;) {
    try {
      await work()
      return
    } catch (error) {
      if (!isLocked(error)) throw error
      warn(`migrating: ${what}; trying again in ${LOCK_RETRY_DELAY_MS / 1_000} s`)
      await sleep(LOCK_RETRY_DELAY_MS)
    }
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof pg.DatabaseError && LOCKED_SQLSTATES.includes(error.code ?? '')
}

/** Every migration in `prisma/migrations`, oldest first. */
async function readMigrations(): Promise<Migration[]> {
  const entries = await readdir(migrationsDir, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  return Promise.all(
    names.sort().map(async (name) => {
      const script = (await readFile(`${migrationsDir}/${name}/migration.sql`, 'utf8')).replaceAll(
        '\r\n',
        '\n',
      )
      // Git on Windows may write the same script with other ends of lines
      const checksums = [script, script.replaceAll('\n', '\r\n')].map((text) =>
        createHash('sha256').update(text).digest('hex'),
      )
      return { name, script, checksums }
    }),
  )
}
