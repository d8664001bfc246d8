import { createHash, randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { runMigrations } from 'graphile-worker'
import pg from 'pg'
import { inject, onTestFinished } from 'vitest'
import { administer, withDatabase } from './database-server.ts'

/** The last migration before orders had lines. */
const LAST_MIGRATION = '0009_worker_pools'

/**
 * Creates a database as the version before lines had it, with what its use-cases wrote: orders in every state, calls to the supplier under
 * way, dead letters, keys and jobs. It is dropped with the test.
 *
 * @returns its URL
 */
export async function createEarlierDatabase({ isEmpty = false } = {}): Promise<string> {
  const templateUrl = inject('templateUrl')
  const name = `holdfast_${randomBytes(6).toString('hex')}`
  await administer(templateUrl, `create database ${name}`)
  onTestFinished(() => administer(templateUrl, `drop database ${name} with (force)`))
  const url = withDatabase(templateUrl, name)
  await runMigrations({ connectionString: url })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await applyMigrations(client)
    if (!isEmpty) {
      await client.query(await readFile(new URL('earlier-version.sql', import.meta.url), 'utf8'))
      // a sweep drops old keys, by which tests find their orders
      await client.query('update idempotency_keys set created_at = now()')
    }
  } finally {
    await client.end()
  }
  return url
}

async function applyMigrations(client: pg.Client): Promise<void> {
  await client.query(`create table _prisma_migrations (
    id varchar(36) primary key not null, checksum varchar(64) not null, finished_at timestamptz,
    migration_name varchar(255) not null, logs text, rolled_back_at timestamptz,
    started_at timestamptz not null default now(), applied_steps_count integer not null default 0)`)
  for (const name of (await readdir('prisma/migrations')).sort()) {
    if (name > LAST_MIGRATION) return
    const script = await readFile(`prisma/migrations/${name}/migration.sql`, 'utf8')
    await client.query(script)
    await client.query(
      `insert into _prisma_migrations (id, checksum, migration_name, finished_at, applied_steps_count)
      values (gen_random_uuid(), $1, $2, now(), 1)`,
      [createHash('sha256').update(script).digest('hex'), name],
    )
  }
}
