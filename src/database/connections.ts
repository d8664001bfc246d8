import { Socket } from 'node:net'
import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, SERVER_TIMEOUT_MARGIN_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { retryCollisions } from './retry-collisions.ts'
import { isServerUnfit, ReadOnlyServerError } from './unavailable.ts'

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
  // what its client has given up does not go on for nobody; a transaction sets its own
  statement_timeout: String(STATEMENT_TIMEOUT_MS - SERVER_TIMEOUT_MARGIN_MS),
}

/** What a connection is for, and how it differs from the others. */
export type ConnectionOptions = Omit<
  pg.PoolConfig,
  'connectionString' | 'onConnect' | 'options' | 'stream'
> & {
  application_name: string
  /** Statements that share a round trip where none waits for the result of another. */
  pipeline?: boolean
  /** Settings of the session beside those that every connection has. */
  settings?: Record<string, string>
}

/**
 * A pool whose connections have the settings that Holdfast relies on, to a server that takes writes. The caller listens
 * to its errors.
 */
class ServerPool extends pg.Pool {
  /** Of all connections, those being made too. */
  readonly #sockets: Set<Socket>
  #heardAtMs = performance.now()

  constructor(databaseUrl: string, { settings, ...options }: ConnectionOptions) {
    const sockets = new Set<Socket>()
    super({
      connectionString: databaseUrl,
      ...options,
      onConnect: (client: pg.ClientBase) => begin(client, settings),
      stream: () => {
        const socket = new Socket()
        sockets.add(socket)
        return socket.once('close', () => sockets.delete(socket))
      },
    } as pg.PoolConfig)
    this.#sockets = sockets
    this.on('release', (error: Error | boolean | undefined) => {
      if (!error) this.#heardAtMs = performance.now()
      else if (isServerUnfit(error)) this.leaveServer()
    })
    this.query = this.#withRetries(this.query.bind(this))
    this.connect = withHarmlessRelease(this.connect.bind(this))
  }

  /**
   * Breaks every connection, at once: the server has fallen silent, or takes no more writes. Those whose statements are
   * under way are told that the connection is lost. The next connections may reach another server.
   */
  leaveServer(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** How long ago a connection was given back in good order. */
  get silenceMs(): number {
    return performance.now() - this.#heardAtMs
  }

  /** A statement by itself has less time than one of a transaction; it is tried again where another was in the way. */
  #withRetries(query: pg.Pool['query']): pg.Pool['query'] {
    const run = query as (config: object, values?: unknown[]) => Promise<pg.QueryResult>
    const { query_timeout = STATEMENT_TIMEOUT_MS } = this.options
    const limits = { query_timeout: Math.min(query_timeout, STATEMENT_TIMEOUT_MS) }
    return ((statement: string | pg.QueryConfig, values?: unknown[]) => {
      const config = typeof statement === 'string' ? { text: statement } : statement
      return retryCollisions(() => run({ ...config, ...limits }, values))
    }) as pg.Pool['query']
  }
}

/**
 * graphile-worker releases the connection that listens twice where `LISTEN` fails while it stops. pg's pool throws at the
 * second, which nobody hears: it would end the process.
 */
function withHarmlessRelease(connect: pg.Pool['connect']): pg.Pool['connect'] {
  type OnConnection = Parameters<typeof connect>[0]
  return ((onConnection?: OnConnection) => {
    if (!onConnection) return connect()
    connect((error, client, release) => {
      let isReleased = false
      onConnection(error, client, (reason) => {
        if (!isReleased) release(reason)
        isReleased = true
      })
    })
  }) as pg.Pool['connect']
}

export function createPool(databaseUrl: string, options: ConnectionOptions): ServerPool {
  return new ServerPool(databaseUrl, options)
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
    await begin(client, settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** @throws {ReadOnlyServerError} as `target_session_attrs=read-write` would: another try may reach another server */
async function begin(client: pg.ClientBase, settings: Record<string, string> = {}): Promise<void> {
  const all = { ...SESSION_SETTINGS, ...settings }
  const statement: pg.QueryConfig & { query_timeout: number } = {
    text: `select bool_or(current_setting('transaction_read_only') = 'on') as "isReadOnly",
      count(set_config(name, value, false))
    from unnest($1::text[], $2::text[]) as s (name, value)`,
    values: [Object.keys(all), Object.values(all)],
    query_timeout: STATEMENT_TIMEOUT_MS,
  }
  const { rows } = await client.query<{ isReadOnly: boolean }>(statement)
  if (rows[0]!.isReadOnly) throw new ReadOnlyServerError()
}
