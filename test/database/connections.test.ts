import { afterAll, expect, onTestFinished, test } from 'vitest'
import { connect, ServerPool } from '../../src/database/connections.ts'
import { createOwnedDatabase, queryAsSuperuser } from '../support/create-database.ts'
import { STARTS_LIMIT_MS, startTwice } from '../support/every-call.ts'
import { execute } from '../support/graphql.ts'
import { placeOrder, readOrder } from '../support/rest-orders.ts'
import { Processes, readPostgresPid } from '../support/server-process.ts'

const processes = new Processes()
afterAll(() => processes.end())

/** Each is one that somebody has, and that would change what a statement means, how a value looks, or what is cut off. */
const HOSTILE: Record<string, string> = {
  TimeZone: 'Asia/Tokyo',
  DateStyle: 'SQL, DMY',
  IntervalStyle: 'sql_standard',
  default_transaction_isolation: 'serializable',
  lock_timeout: '20ms',
  idle_session_timeout: '150ms',
  idle_in_transaction_session_timeout: '20ms',
  client_encoding: 'LATIN1',
  bytea_output: 'escape',
  extra_float_digits: '-5',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  transform_null_equals: 'on',
  jit_above_cost: '0',
}

const CALM: Record<string, string> = {
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  client_encoding: 'UTF8',
  default_transaction_isolation: 'read committed',
  lock_timeout: '0',
  idle_session_timeout: '0',
  array_nulls: 'on',
  jit: 'off',
}

test('settings of the database change nothing', { timeout: STARTS_LIMIT_MS }, async () => {
  const { url, name } = await createOwnedDatabase()
  await makeHostile('database', name)
  await startTwice(processes, { DATABASE_URL: url })
})

test('settings in the URL, and in the shell, change nothing', { timeout: STARTS_LIMIT_MS }, async () => {
  const { url } = await createOwnedDatabase()
  const options = Object.entries(HOSTILE)
    .map(([setting, value]) => `-c ${setting}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ')
  const PGOPTIONS = '-c default_transaction_read_only=on -c search_path=nowhere'
  await startTwice(processes, {
    DATABASE_URL: `${url}?options=${encodeURIComponent(options)}`,
    TZ: 'Asia/Tokyo',
    PGOPTIONS,
    ...SHELL,
  })
})

/** As they are set for psql, and for another database. */
const SHELL = {
  PGHOST: 'nowhere.invalid',
  PGPORT: '1',
  PGUSER: 'nobody',
  PGPASSWORD: 'wrong',
  PGDATABASE: 'none',
  PGSSLMODE: 'verify-full',
  PGSSLNEGOTIATION: 'direct',
  PGSSLROOTCERT: '/nowhere',
  PGAPPNAME: 'psql',
  PGTZ: 'Asia/Tokyo',
  PGDATESTYLE: 'German',
  PGDATA: '/nowhere',
  PGCLIENTENCODING: 'LATIN1',
  PGCONNECT_TIMEOUT: '1',
}

test('the embedded database shows right times, whatever zone and variables the shell has', {
  timeout: STARTS_LIMIT_MS,
}, async () => {
  const DATA_DIR = await processes.makeDataDir()
  const options = '-c default_transaction_read_only=on'
  await startTwice(processes, { DATA_DIR, TZ: 'Asia/Tokyo', PGOPTIONS: options, ...SHELL })
})

test('a data folder that was made in another zone shows right times', async () => {
  const DATA_DIR = await processes.makeDataDir()
  const first = await processes.startServer({ DATA_DIR, TZ: 'Asia/Tokyo' })
  const id = await placeOrder(first.url, 'WIDGET')
  const before = await readOrder(first.url, id)
  await first.end('SIGTERM')
  const second = await processes.startServer({ DATA_DIR, TZ: 'America/New_York' })
  expect(await readPostgresPid(DATA_DIR)).toBeGreaterThan(0)
  const { data } = await execute(second, `{ order(id: "${id}") { createdAt } }`)
  expect(data.order.createdAt).toBe(before.created_at)
  expect((await readOrder(second.url, id)).created_at).toBe(before.created_at)
})

test('every connection has the settings that it relies on, and keeps what else the URL says', async () => {
  const { url, name } = await createOwnedDatabase()
  await makeHostile('role', name)
  const options = encodeURIComponent('-c work_mem=7MB -c TimeZone=Asia/Tokyo')
  const target = `${url}?application_name=till&options=${options}`
  const read = `select name, setting from pg_settings`

  const pool = new ServerPool(target, { application_name: 'holdfast', max: 1 })
  onTestFinished(() => pool.end())
  const client = await connect(
    target,
    { application_name: 'holdfast', settings: { lock_timeout: '7' } },
    () => {},
  )
  onTestFinished(() => client.end())
  for (const [connection, own] of [
    [pool, {}],
    [client, { lock_timeout: '7' }],
  ] as const) {
    const { rows } = await connection.query<{ name: string; setting: string }>(read)
    const settings = Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))
    expect(settings).toMatchObject({ ...CALM, ...own })
    // 7 MB
    expect(settings).toMatchObject({ work_mem: '7168', application_name: 'till' })
  }
})

async function makeHostile(level: string, name: string): Promise<void> {
  const settings = Object.entries(HOSTILE).map(
    ([setting, value]) =>
      `alter ${level} ${name} set ${setting} = ${setting === 'DateStyle' ? value : `'${value}'`}`,
  )
  await queryAsSuperuser(name, settings.join(';'))
}
