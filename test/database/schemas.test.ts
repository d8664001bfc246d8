import { afterAll, expect, test } from 'vitest'
import { createApp } from '../../src/create-app.ts'
import { migrate } from '../../src/database/migrate.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOwnedDatabase, query, queryAsSuperuser } from '../support/create-database.ts'
import { STARTS_LIMIT_MS, startTwice } from '../support/every-call.ts'
import { Processes } from '../support/server-process.ts'

const processes = new Processes()
afterAll(() => processes.end())

const TABLES = `select distinct schemaname as schema from pg_tables where tablename in ('orders', '_prisma_migrations')`

test('with ?schema= every call works, in that schema, which is made where it is missing', {
  timeout: STARTS_LIMIT_MS,
}, async () => {
  const { url, name } = await createOwnedDatabase()
  await startTwice(processes, { DATABASE_URL: `${url}?schema=Shop%20Floor` })
  expect(await queryAsSuperuser(name, TABLES)).toEqual([{ schema: 'Shop Floor' }])
})

test('with search_path on a schema every call works, and nothing of its name elsewhere is looked at', {
  timeout: STARTS_LIMIT_MS,
}, async () => {
  const { url, role, name } = await createOwnedDatabase()
  // another program's, in a schema behind ours
  await queryAsSuperuser(
    name,
    `create schema shop authorization ${role};
     create table public.orders (); create table public._prisma_migrations (migration_name text);
     alter role ${role} set search_path = "$user", shop, public`,
  )
  await startTwice(processes, { DATABASE_URL: url })
  expect(await queryAsSuperuser(name, `${TABLES} order by 1`)).toEqual([
    { schema: 'public' },
    { schema: 'shop' },
  ])
  expect(await queryAsSuperuser(name, 'select from public._prisma_migrations')).toEqual([])
})

test.each([
  [
    'the schema of the role, as PostgreSQL advises',
    (role: string) => `create schema authorization ${role}; drop schema public`,
    '',
  ],
  [
    'what the options of the URL name',
    (role: string) => `create schema shop authorization ${role}`,
    '?options=-csearch_path%3Dpg_catalog,shop',
  ],
  ['public, made anew where it was dropped', () => 'drop schema public', ''],
  [
    'the first that search_path names, where none is there',
    () => 'drop schema public',
    '?options=-csearch_path%3Dnew,public',
  ],
])('the tables are in %s', async (schema, prepare, query_) => {
  const { url, role, name } = await createOwnedDatabase()
  await queryAsSuperuser(name, prepare(role))
  const databaseUrl = url + query_
  expect(await migrate(databaseUrl)).not.toEqual([])
  expect(await migrate(databaseUrl)).toEqual([])
  const expected = { 'the schema': role, what: 'shop', public: 'public', 'the first': 'new' }
  const [, wanted] = Object.entries(expected).find(([start]) => schema.startsWith(start))!
  expect(await queryAsSuperuser(name, TABLES)).toEqual([{ schema: wanted }])
  // by Prisma, which writes the schema before each name
  const { app, close } = await createApp({
    databaseUrl,
    logger: createLogger('silent'),
    supplierPolicy: { recheckDelayMs: 1, recheckLimit: 1, recheckFactor: 1, attemptsMax: 1, retryBaseMs: 1 },
  })
  expect(await app.prisma.order.findMany({ where: { status: 'FAILED' } })).toEqual([])
  await close()
})

test('a search_path that is one name by mistake is refused, also where such a schema is there', async () => {
  const { url, name, role } = await createOwnedDatabase()
  const mistake = '"""$user"", public"'
  await queryAsSuperuser(name, `drop schema public; alter role ${role} set search_path = '"$user", public'`)
  const refusal = `search_path is ${mistake}: one schema with a double quote in its name`
  await expect(migrate(url)).rejects.toThrow(refusal)
  await queryAsSuperuser(name, `create schema ${mistake} authorization ${role}`)
  await expect(migrate(url)).rejects.toThrow(refusal)
  expect(await queryAsSuperuser(name, TABLES)).toEqual([])
})

test('a second Holdfast in another schema of the same database is refused: they would share jobs and channels', async () => {
  const { url } = await createOwnedDatabase()
  await migrate(url)
  await expect(migrate(`${url}?schema=shop`)).rejects.toThrow(
    /^The schema "public" of the same database has the tables of another Holdfast/,
  )
  expect(await query(url, `select from pg_namespace where nspname = 'shop'`)).toEqual([])
})
