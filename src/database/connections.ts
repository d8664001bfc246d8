import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, QUERY_TIMEOUT_MS } from '../limits.ts'

/**
 * What Holdfast relies on, whatever the server, the database, the role or the URL say. Set by a statement and not by
 * start-up options: PgBouncer refuses those that it does not know.
 */
const SESSION_SETTINGS: Record<string, string> = {
  // a plan of high estimated cost would be compiled anew at each execution: 100 to 460 ms
  jit: 'off',
  // @prisma/adapter-pg replaces the offset of a timestamptz with +00:00
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  default_transaction_isolation: 'read committed',
  lock_timeout: '0',
  idle_session_timeout: '0',
  // a process frozen in the middle of a transaction would keep its locks for as long
  idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MAX_MS),
  // what its client has given up does not go on for nobody
  statement_timeout: String(QUERY_TIMEOUT_MS),
}

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
    onConnect: (client) => applySettings(client, settings),
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
    await applySettings(client, settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

async function applySettings(client: pg.ClientBase, settings: Record<string, string> = {}): Promise<void> {
  const all = { ...SESSION_SETTINGS, ...settings }
  await client.query(
    'select set_config(name, value, false) from unnest($1::text[], $2::text[]) as s (name, value)',
    [Object.keys(all), Object.values(all)],
  )
}
