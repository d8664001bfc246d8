import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, QUERY_TIMEOUT_MS } from '../limits.ts'

/**
 * What Holdfast relies on, whatever the server, the database, the role or the URL say. Set by a statement and not by
 * start-up options: PgBouncer refuses those that it does not know.
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
  default_transaction_isolation: 'read committed',
  lock_timeout: '0',
  idle_session_timeout: '0',
  // a process frozen in the middle of a transaction would keep its locks for as long
  idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MAX_MS),
}

/**
 * A server that is at a statement looks every 5 s whether its client is still there: one that died has no time-out. Servers
 * of other systems than Linux may refuse the setting: there such a statement goes on until its own time-out.
 */
const APPLY_SETTINGS = `
  select set_config(name, value, false) from (
    select * from unnest($1::text[], $2::text[])
    union all select 'client_connection_check_interval', '5s' where version() ~ 'linux'
  ) as settings (name, value)`

/** What a connection is for, and how it differs from the others. */
export type ConnectionOptions = Omit<pg.PoolConfig, 'connectionString' | 'onConnect' | 'options'> & {
  application_name: string
  /** Statements that share a round trip where none waits for the result of another. */
  pipeline?: boolean
  /** Settings of the session beside those that every connection has. */
  settings?: Record<string, string>
}

/** A pool whose connections have the settings that Holdfast relies on. The caller listens to its errors. */
export function createPool(databaseUrl: string, { settings, ...options }: ConnectionOptions): pg.Pool {
  return new pg.Pool({
    connectionString: databaseUrl,
    ...options,
    onConnect: (client) => applySettings(client, options, settings),
  } as pg.PoolConfig)
}

/** A connection of its own, connected, with the same settings. @throws when the database cannot be reached */
export async function connect(
  databaseUrl: string,
  { settings, ...options }: ConnectionOptions,
  onError: (error: Error) => void,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl, ...options })
  // an error that nobody listens to would end the process
  client.on('error', onError)
  try {
    await client.connect()
    await applySettings(client, options, settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

async function applySettings(
  client: pg.ClientBase,
  { query_timeout: timeoutMs = QUERY_TIMEOUT_MS }: pg.PoolConfig,
  settings: Record<string, string> = {},
): Promise<void> {
  // what its client has given up does not go on for nobody
  const all = { ...SESSION_SETTINGS, statement_timeout: String(timeoutMs), ...settings }
  await client.query(APPLY_SETTINGS, [Object.keys(all), Object.values(all)])
}
