import { glob, readdir, readFile } from 'node:fs/promises'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { isUnavailable } from '../../src/database/unavailable.ts'
import { FAILURE_REASONS, ORDER_EVENT_TYPES, ORDER_STATUSES } from '../../src/domain/orders/order-status.ts'
import { MOVEMENT_TYPES } from '../../src/domain/stock/stock.ts'
import { administer, withDatabase } from '../support/database-server.ts'
import { createEarlierDatabase } from '../support/earlier-version.ts'
import { createTestDatabase, eventually } from '../support/harness.ts'
import { schemaSql } from '../support/schema-sql.ts'

const templateUrl = inject('templateUrl')
const databases = ['migrated', 'drawn', 'raced'].map((name) => `holdfast_${name}_${process.pid}`)
const [migrated, drawn, raced] = databases.map((name) => withDatabase(templateUrl, name)) as [
  string,
  string,
  string,
]

beforeAll(async () => {
  for (const name of databases) await administer(templateUrl, `create database ${name}`)
})
afterAll(async () => {
  for (const name of databases) await administer(templateUrl, `drop database ${name} with (force)`)
})

async function query(url: string, text: string) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

const COLUMNS = `
  select table_name, column_name, udt_name, is_nullable, datetime_precision
  from information_schema.columns where table_schema = 'public' and table_name not like '\\_prisma%'
  order by table_name, column_name`
const INDEXES = `
  select indexdef from pg_indexes where schemaname = 'public' and tablename not like '\\_prisma%' order by indexdef`
const ENUMS = `
  select typname, array_agg(enumlabel::text order by enumlabel::text) as labels
  from pg_enum join pg_type on pg_type.oid = enumtypid group by typname order by typname`

test('the migrations make the tables that Prisma and Pothos read', async () => {
  expect((await migrate(migrated)).length).toBeGreaterThan(0)
  await query(drawn, await schemaSql(drawn))
  expect(await query(migrated, COLUMNS)).toEqual(await query(drawn, COLUMNS))
  expect(await query(migrated, INDEXES)).toEqual(await query(drawn, INDEXES))
})

test('a second time applies nothing', async () => {
  await migrate(migrated)
  expect(await migrate(migrated)).toEqual([])
})

test('tables that churn are vacuumed by settings of their own', async () => {
  await migrate(migrated)
  const tuned = await query(
    migrated,
    `select relname from pg_class where array_to_string(reloptions, ',') like '%autovacuum_vacuum_%' order by relname`,
  )
  expect(tuned.map(({ relname }) => relname)).toEqual([
    '_private_jobs',
    'order_lines',
    'orders',
    'serving',
    'stock_levels',
    'webhook_deliveries',
    'workers',
  ])
})

test('several servers that start at once migrate in turn', async () => {
  const applied = await Promise.all([migrate(raced), migrate(raced), migrate(raced)])
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
})

test('a migration that was begun, and of which nothing is there, is applied at the next start', async () => {
  const url = await migratedDatabase()
  await leaveInvariantChecksBegun(url)
  expect(await migrate(url)).toEqual(['0003_invariant_checks'])
  expect(await history(url, '0003_invariant_checks')).toEqual(['begun', 'finished'])
  expect(await migrate(url)).toEqual([])
})

test('what a migration makes and its row did not say is there already: the message says what to do', async () => {
  const url = await migratedDatabase()
  await query(url, `update _prisma_migrations set finished_at = null where migration_name like '0003%'`)
  const failure: Error = await migrate(url).then(fail, (error) => error)
  expect(failure.message).toMatch(
    /^The migration 0003_invariant_checks failed and was undone: relation "invariant_checks" already exists\./,
  )
  // once more, as a supervisor would
  await expect(migrate(url)).rejects.toThrow(failure.message)

  const remedy = /insert into _prisma_migrations .*;/.exec(failure.message)![0]
  await query(url, remedy)
  expect(await migrate(url)).toEqual([])
  expect(await history(url, '0003_invariant_checks')).toEqual(['begun', 'finished'])
})

test('an outage in the middle of a script leaves nothing that stops the next start', async () => {
  const url = await createEarlierDatabase()
  const blocker = new pg.Client({ connectionString: url })
  await blocker.connect()
  await blocker.query('begin; lock table orders')
  const failed = migrate(url).then(fail, (error) => error)
  await eventually(async () => {
    const ended = await query(
      url,
      `select pg_terminate_backend(pid) from pg_stat_activity
        where application_name = 'holdfast-migrate' and wait_event_type = 'Lock' and datname = current_database()`,
    )
    return ended.length > 0
  })
  expect(isUnavailable(await failed)).toBe(true)
  await blocker.end()
  const scripts = (await readdir('prisma/migrations')).filter((name) => /^\d{4}_/.test(name)).sort()
  expect(await migrate(url)).toEqual(scripts.slice(scripts.indexOf('0010_lines')))
})

test('a row that an earlier version marked as rolled back counts for nothing', async () => {
  const url = await migratedDatabase()
  await leaveInvariantChecksBegun(url)
  await query(url, 'update _prisma_migrations set rolled_back_at = now() where finished_at is null')
  expect(await migrate(url)).toEqual(['0003_invariant_checks'])
  expect(await history(url, '0003_invariant_checks')).toEqual(['rolled back', 'finished'])
})

test('a script that fails in the middle leaves nothing', async () => {
  const url = await createEarlierDatabase()
  await query(url, `delete from _prisma_migrations where migration_name = '0004_autovacuum'`)
  // the first statement of the script succeeds, the second does not
  await query(
    url,
    `alter table orders reset (autovacuum_vacuum_scale_factor, autovacuum_analyze_scale_factor);
     alter table inventory_items rename to items`,
  )
  await expect(migrate(url)).rejects.toThrow(/^The migration 0004_autovacuum failed and was undone: relation/)
  expect(await query(url, `select reloptions from pg_class where relname = 'orders'`)).toEqual([
    { reloptions: null },
  ])
  expect(await history(url, '0004_autovacuum')).toEqual([])
})

test('a migration that is applied and was edited since is refused by name', async () => {
  const url = await migratedDatabase()
  await query(
    url,
    `update _prisma_migrations set checksum = repeat('0', 64) where migration_name = '0002_dead_letters'`,
  )
  await expect(migrate(url)).rejects.toThrow('The migration 0002_dead_letters is not what was applied')
})

test('the program of an earlier version refuses the database of a later one by name', async () => {
  const url = await migratedDatabase()
  await query(
    url,
    `insert into _prisma_migrations (id, checksum, migration_name, finished_at)
     values ('1', repeat('0', 64), '9999_from_the_future', now())`,
  )
  const refused = await migrate(url).then(fail, (error) => error)
  expect(refused.message).toContain('9999_from_the_future')
  expect(refused.message).toContain('later version')
  // one that was undone is nobody's
  await query(url, `update _prisma_migrations set rolled_back_at = now() where id = '1'`)
  expect(await migrate(url)).toEqual([])
})

test('a migration gives way to who waits behind it, and comes back until the table is free', async () => {
  const url = await migratedDatabase()
  await query(url, `delete from _prisma_migrations where migration_name = '0006_repairs'; drop table repairs`)
  await query(url, `delete from _prisma_migrations where migration_name = '0007_worker_reports'`)
  await query(url, 'alter table workers drop column circuit, drop column jobs_held')
  const backup = await hold(url, 'select from workers')
  const warnings: string[] = []
  const migrating = migrate(url, (line) => warnings.push(line))
  const isWaiting = `select from pg_stat_activity where application_name = 'holdfast-migrate'
    and wait_event_type = 'Lock' and datname = current_database()`
  await eventually(async () => (await query(url, isWaiting)).length > 0)
  // a worker's beat comes behind the waiting migration, and gets through all the same while the backup goes on
  await query(url, `insert into workers (id, started_at, seen_at) values ('w', now(), now())`)
  await eventually(() => warnings.some((line) => line.includes('0007_worker_reports')))
  await backup.end()
  expect(await migrating).toEqual(['0006_repairs', '0007_worker_reports'])
})

test('no migration ends the transaction that it runs in', async () => {
  for await (const file of glob('prisma/migrations/*/migration.sql')) {
    const script = await readFile(file, 'utf8')
    expect(script, file).not.toMatch(
      /^\s*(begin|start transaction|commit|rollback|end)\b\s*(work|transaction)?\s*;/im,
    )
  }
})

test("the database's enums are the domain's", async () => {
  const enums = new Map((await query(templateUrl, ENUMS)).map(({ typname, labels }) => [typname, labels]))
  expect(enums.get('order_status')).toEqual(ORDER_STATUSES.toSorted())
  expect(enums.get('failure_reason')).toEqual(FAILURE_REASONS.toSorted())
  expect(enums.get('order_event_type')).toEqual(ORDER_EVENT_TYPES.toSorted())
  expect(enums.get('movement_type')).toEqual(MOVEMENT_TYPES.toSorted())
})

async function migratedDatabase(): Promise<string> {
  const { databaseUrl, drop } = await createTestDatabase()
  onTestFinished(drop)
  return databaseUrl
}

/** A transaction that has read and goes on, as a backup's does. */
async function hold(url: string, statement: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(`begin; ${statement}`)
  return client
}

/** As if 0003 had been begun, and the process or the database had ended then. */
async function leaveInvariantChecksBegun(url: string): Promise<void> {
  await query(url, 'drop table invariant_checks')
  await query(url, `update _prisma_migrations set finished_at = null where migration_name like '0003%'`)
}

async function history(url: string, name: string): Promise<string[]> {
  const rows = await query(
    url,
    `select case when rolled_back_at is not null then 'rolled back'
                 when finished_at is not null then 'finished' else 'begun' end as state
       from _prisma_migrations where migration_name = '${name}' order by started_at`,
  )
  return rows.map(({ state }) => state)
}

function fail(): never {
  throw new Error('it should have failed')
}
