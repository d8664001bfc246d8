import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, QUERY_TIMEOUT_MS } from '../limits.ts'
import { readDatabaseUrl } from './database-url.ts'

/**
 * What Holdfast relies on, whatever the server, the database, the role or the URL say. Set by a statement and not by
 * start-up options: PgBouncer refuses those that it does not know. What is not here stays as it was set, so
 * `default_transaction_read_only`, by which a server is protected, and `synchronous_commit`, which is the operator's.
 */
const SESSION_SETTINGS: Record<string, string> = {
  // a plan of high estimated cost would be compiled anew at each execution: 100 to 460 ms
  jit: 'off',
  // a plan that is kept was made for a table as small as it was then: it reads it whole once it has grown. Planning anew
  // takes 0.1 to 0.3 ms, and the statements of a batch share it
  plan_cache_mode: 'force_custom_plan',
  // what is looked up is in memory or on a disk without a head: at the default of 4, PostgreSQL reads a table of 100,000
  // orders whole to find 1,000 of them
  random_page_cost: '1.1',
  // @prisma/adapter-pg replaces the offset of a timestamptz with +00:00
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  // pg reads and writes UTF-8, and does not say so
  client_encoding: 'UTF8',
  // how values look, and what statements mean
  bytea_output: 'hex',
  extra_float_digits: '1',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  transform_null_equals: 'off',
  default_transaction_isolation: 'read committed',
  lock_timeout: '0',
  idle_session_timeout: '0',
  // since PostgreSQL 17
  transaction_timeout: '0',
  // a process frozen in the middle of a transaction would keep its locks for as long
  idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MAX_MS),
}

/**
 * The schema is the one that the URL names, or else the first of `search_path` that exists: where PostgreSQL would make
 * a table. It alone is looked into, so that nothing of the same name elsewhere is ever read. Settings that this
 * PostgreSQL does not know are left out.
 *
 * A server that is at a statement looks every 5 s whether its client is still there: one that died has no time-out. Servers
 * of other systems than Linux may refuse the setting: there such a statement goes on until its own time-out.
 */
const APPLY_SETTINGS = `
  select set_config(name, value, false)
  from (
    select * from unnest($1::text[], $2::text[]) as s (name, value)
    union all
    select 'search_path', coalesce(
      quote_ident($3),
      (select quote_ident(schema) from unnest(current_schemas(false)) with ordinality as s (schema, position)
        where schema !~ '^pg_' order by position limit 1))
    union all
    select 'client_connection_check_interval', '5s' where version() ~ 'linux'
  ) as settings
  where current_setting(name, true) is not null and value is not null`

// pg would send what a shell has there for psql, and for another database
delete process.env.PGOPTIONS

/** What a connection is for, and how it differs from the others. */
export type ConnectionOptions = Omit<pg.PoolConfig, 'connectionString' | 'onConnect' | 'options'> & {
  application_name: string
  /** Statements that share a round trip where none waits for the result of another. */
  pipeline?: boolean
  /** Settings of the session beside those that every connection has. */
  settings?: Record<string, string>
}

/**
 * A pool whose connections have the settings that Holdfast relies on. The caller listens to its errors. What the URL
 * says beside that stands.
 */
export function createPool(databaseUrl: string, { settings, ...options }: ConnectionOptions): pg.Pool {
  const { schema, ...target } = readDatabaseUrl(databaseUrl)
  return new pg.Pool({
    ...options,
    ...target,
    onConnect: (client) => applySettings(client, schema, options, settings),
  } as pg.PoolConfig)
}

/** A connection of its own, connected, with the same settings. @throws when the database cannot be reached */
export async function connect(
  databaseUrl: string,
  { settings, ...options }: ConnectionOptions,
  onError: (error: Error) => void,
): Promise<pg.Client> {
  const { schema, ...target } = readDatabaseUrl(databaseUrl)
  const client = new pg.Client({ ...options, ...target })
  // an error that nobody listens to would end the process
  client.on('error', onError)
  try {
    await client.connect()
    await applySettings(client, schema, options, settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

async function applySettings(
  client: pg.ClientBase,
  schema: string | undefined,
  { query_timeout: timeoutMs = QUERY_TIMEOUT_MS }: pg.PoolConfig,
  settings: Record<string, string> = {},
): Promise<void> {
  // what its client has given up does not go on for nobody
  const all = { ...SESSION_SETTINGS, statement_timeout: String(timeoutMs), ...settings }
  await client.query(APPLY_SETTINGS, [Object.keys(all), Object.values(all), schema])
}
