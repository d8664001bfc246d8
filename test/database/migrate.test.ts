import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { migrate, schemaSql } from '../../src/database/migrate.ts'
import { FAILURE_REASONS, ORDER_EVENT_TYPES, ORDER_STATUSES } from '../../src/domain/order-status.ts'
import { MOVEMENT_TYPES } from '../../src/domain/stock.ts'
import { administer, withDatabase } from '../support/database-server.ts'

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
    'inventory_items',
    'orders',
    'workers',
  ])
})

test('several servers that start at once migrate in turn', async () => {
  const applied = await Promise.all([migrate(raced), migrate(raced), migrate(raced)])
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1)
})

test("the database's enums are the domain's", async () => {
  const enums = new Map((await query(templateUrl, ENUMS)).map(({ typname, labels }) => [typname, labels]))
  expect(enums.get('order_status')).toEqual(ORDER_STATUSES.toSorted())
  expect(enums.get('failure_reason')).toEqual(FAILURE_REASONS.toSorted())
  expect(enums.get('order_event_type')).toEqual(ORDER_EVENT_TYPES.toSorted())
  expect(enums.get('movement_type')).toEqual(MOVEMENT_TYPES.toSorted())
})
