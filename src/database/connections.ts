import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, SERVER_TIMEOUT_MARGIN_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { readDatabaseUrl } from './database-url.ts'
import { retryCollisions } from './retry-collisions.ts'
import { isReadOnly, isServerUnfit, ReadOnlyServerError } from './unavailable.ts'

/**
 * Settings that Holdfast relies on, whatever server, database, role or URL say. They are set by a statement, because PgBouncer
 * refuses start-up options that it does not know. All others stay as they are: `default_transaction_read_only` protects a
 * server, and `synchronous_commit` is the operator's decision.
 */
const SESSION_SETTINGS: Record<string, string> = {
  // a plan with a high estimated cost would be compiled at each execution: 100 to 460 ms
  jit: 'off',
  // PostgreSQL keeps plans if that is cheaper, but not for long: see PLANS_KEPT_USES
  plan_cache_mode: 'auto',
  // for data in memory or on an SSD: at the default of 4, PostgreSQL reads a whole table of 100,000 orders to find 1,000 of
  // them
  random_page_cost: '1.1',
  // @prisma/adapter-pg replaces the offset of a timestamptz with +00:00
  TimeZone: 'UTC',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  // pg reads and writes UTF-8, but does not ask for it
  client_encoding: 'UTF8',
  // the format of values, and the meaning of statements
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
  // a frozen process keeps the locks of its transaction for this long
  idle_in_transaction_session_timeout: String(IDLE_TRANSACTION_MAX_MS),
}

/**
 * The schema is the one that the URL names, or else the first of `search_path` that exists: where PostgreSQL would create a
 * table. Only this schema is searched, so that nothing of the same name elsewhere is read. Settings that this PostgreSQL does
 * not know are skipped.
 *
 * During a statement the server checks every 5 s whether its client is still connected. Servers on other systems than Linux may
 * refuse that setting: there the statement of a dead client runs until its own time-out.
 */
const BEGIN_SESSION = `
  select bool_or(current_setting('transaction_read_only') = 'on') as "isReadOnly", count(set_config(name, value, false))
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

// pg would send these options, which a shell may have for psql and another database
delete process.env.PGOPTIONS

/** Time to read the answers that have already arrived. */
const READ_FIRST_MS = 50

/**
 * Uses of a connection after which it discards its plans. A kept plan that was made for a small table still reads the whole
 * table after it has grown. Planning at each use costs an order of a small batch 40 µs of PostgreSQL's 110.
 */
const PLANS_KEPT_USES = 50

/** Options of a connection or a pool. */
export type ConnectionOptions = Omit<
  pg.PoolConfig,
  'connectionString' | 'onConnect' | 'options' | 'stream'
> & {
  application_name: string
  settings?: Record<string, string>
}

/**
 * Connections to a server that takes writes, with the settings that Holdfast relies on. What the URL says beside stands.
 * Statements that do not wait for each other's results share a round trip.
 */
export class ServerPool extends pg.Pool {
  /** Of all connections, those being made too. */
  readonly #sockets: Set<Socket>
  #heardAtMs = performance.now()
  /** Uses of each connection since it discarded its plans. */
  readonly #uses = new WeakMap<pg.PoolClient, number>()

  /** @param onLoss hears of each connection that breaks; it is replaced at the next query */
  constructor(
    databaseUrl: string,
    { settings, ...options }: ConnectionOptions,
    onLoss: (error: Error) => void = () => {},
  ) {
    const { schema, ...target } = readDatabaseUrl(databaseUrl)
    const sockets = new Set<Socket>()
    super({
      ...options,
      ...target,
      // without it pg warns of a statement behind two others, as graphile-worker's UNLISTEN may be: `discard plans` and LISTEN
      pipeline: true,
      onConnect: (client: pg.ClientBase) => begin(client, schema, options, settings),
      stream: () => {
        const socket = new Socket()
        sockets.add(socket)
        return socket.once('close', () => sockets.delete(socket))
      },
    } as pg.PoolConfig)
    this.#sockets = sockets
    // an error that nobody listens to would end the process; of a connection at rest its own listener hears as well
    this.on('error', () => {})
    this.on('connect', (client) => client.on('error', onLoss))
    this.on('release', (error: Error | boolean | undefined, client: pg.PoolClient) => {
      if (!error) {
        this.#heardAtMs = performance.now()
        this.#renewPlans(client)
      } else if (isServerUnfit(error)) void this.#leaveUnlessHeard(error)
    })
    this.query = this.#withRetries(this.query.bind(this))
    this.connect = withHarmlessRelease(this.connect.bind(this))
  }

  /**
   * Breaks every connection at once, because the server is silent or read-only. Statements in flight fail with a lost
   * connection. The next connections may reach another server.
   */
  leaveServer(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * Breaks every connection unless one of them still gets answers: after a process was frozen, its time-outs expire before it
   * reads the answers that arrived meanwhile.
   */
  async #leaveUnlessHeard(error: unknown): Promise<void> {
    if (!isReadOnly(error)) {
      await sleep(READ_FIRST_MS)
      if (this.silenceMs < STATEMENT_TIMEOUT_MS) return
    }
    this.leaveServer()
  }

  #renewPlans(client: pg.PoolClient): void {
    const uses = (this.#uses.get(client) ?? 0) + 1
    this.#uses.set(client, uses % PLANS_KEPT_USES)
    // sent before the connection's next use; if the connection breaks, its plans are gone anyway
    if (uses === PLANS_KEPT_USES) client.query('discard plans').catch(() => {})
  }

  /** Time since a connection was last released without an error. */
  get silenceMs(): number {
    return performance.now() - this.#heardAtMs
  }

  /** Gives single statements a shorter time limit than transactions, and retries them after a collision. */
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
 * Ignores a second release. graphile-worker releases its listening connection twice if `LISTEN` fails while it stops; pg's pool
 * throws at the second, where nobody catches it, and the process would end.
 */
function withHarmlessRelease(connect: pg.Pool['connect']): pg.Pool['connect'] {
  type OnConnection = Parameters<typeof connect>[0]
  return ((onConnection?: OnConnection) => {
    if (!onConnection) return connect()
    connect((error, client, release) => {
      let isReleased = false
      const releaseOnce: typeof release = (reason) => {
        // a pool that has ended, or timed out, passes no release function
        if (!isReleased) (release as typeof release | undefined)?.(reason)
        isReleased = true
      }
      onConnection(error, client, releaseOnce)
    })
  }) as pg.Pool['connect']
}

/** A connection of its own, connected, with the same settings. @throws when the database cannot be reached */
export async function connect(
  databaseUrl: string,
  { settings, ...options }: ConnectionOptions,
  onError: (error: Error) => void,
): Promise<pg.Client> {
  const { schema, ...target } = readDatabaseUrl(databaseUrl)
  const client = new pg.Client({ ...options, ...target })
  // an error without a listener would end the process
  client.on('error', onError)
  try {
    await client.connect()
    await begin(client, schema, options, settings)
    return client
  } catch (error) {
    await client.end().catch(() => {})
    throw error
  }
}

/** Sets up a session. @throws {ReadOnlyServerError} like `target_session_attrs=read-write`: a retry may reach another server */
async function begin(
  client: pg.ClientBase,
  schema: string | undefined,
  { query_timeout = STATEMENT_TIMEOUT_MS }: pg.PoolConfig,
  settings: Record<string, string> = {},
): Promise<void> {
  // the server cancels a statement before its client gives up; a transaction sets its own limit
  const timeoutMs = Math.min(query_timeout, STATEMENT_TIMEOUT_MS) - SERVER_TIMEOUT_MARGIN_MS
  const all = { ...SESSION_SETTINGS, statement_timeout: String(timeoutMs), ...settings }
  const statement: pg.QueryConfig & { query_timeout: number } = {
    text: BEGIN_SESSION,
    values: [Object.keys(all), Object.values(all), schema],
    query_timeout: STATEMENT_TIMEOUT_MS,
  }
  const { rows } = await client.query<{ isReadOnly: boolean }>(statement)
  if (rows[0]!.isReadOnly) throw new ReadOnlyServerError()
}
