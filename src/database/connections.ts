import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { IDLE_TRANSACTION_MAX_MS, SERVER_TIMEOUT_MARGIN_MS, STATEMENT_TIMEOUT_MS } from '../limits.ts'
import { readDatabaseUrl } from './database-url.ts'
import { retryCollisions } from './retry-collisions.ts'
import { isReadOnly, isServerUnfit, ReadOnlyServerError } from './unavailable.ts'

/**
 * What Holdfast relies on, whatever the server, the database, the role or the URL say. Set by a statement and not by
 * start-up options: PgBouncer refuses those that it does not know. What is not here stays as it was set, so
 * `default_transaction_read_only`, by which a server is protected, and `synchronous_commit`, which is the operator's.
 */
const SESSION_SETTINGS: Record<string, string> = {
  // a plan of high estimated cost would be compiled anew at each execution: 100 to 460 ms
  jit: 'off',
  // plans are kept where that is cheaper, and not for long: see PLANS_KEPT_USES
  plan_cache_mode: 'auto',
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

// pg would send what a shell has there for psql, and for another database
delete process.env.PGOPTIONS

/** What reading the answers takes that have come. */
const READ_FIRST_MS = 50

/**
 * Uses of a connection after which its plans are made anew. A plan that is kept was made for a table as small as it was
 * then, and reads it whole once it has grown; planning at each use costs an order of a small batch 40 µs of PostgreSQL's
 * 110.
 */
const PLANS_KEPT_USES = 50

/** What a connection is for, and how it differs from the others. */
export type ConnectionOptions = Omit<
  pg.PoolConfig,
  'connectionString' | 'onConnect' | 'options' | 'stream'
> & {
  application_name: string
  /** Statements that share a round trip where none waits for the result of another. */
  pipeline?: boolean
  settings?: Record<string, string>
}

/** Connections to a server that takes writes, with the settings that Holdfast relies on. What the URL says beside stands. */
export class ServerPool extends pg.Pool {
  /** Of all connections, those being made too. */
  readonly #sockets: Set<Socket>
  #heardAtMs = performance.now()
  /** Of each connection, since its plans were made. */
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
   * Breaks every connection, at once: the server has fallen silent, or takes no more writes. Those whose statements are
   * under way are told that the connection is lost. The next connections may reach another server.
   */
  leaveServer(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /**
   * A process that was stopped for a while finds its time-outs over before it reads the answers that came meanwhile: another
   * connection is given back in good order then.
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
    // ahead of whatever it is used for next; where it is lost meanwhile, its plans are as well
    if (uses === PLANS_KEPT_USES) client.query('discard plans').catch(() => {})
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
      const releaseOnce: typeof release = (reason) => {
        // a pool that has ended, or is too late, comes with nothing to release
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
  // an error that nobody listens to would end the process
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

/** @throws {ReadOnlyServerError} as `target_session_attrs=read-write` would: another try may reach another server */
async function begin(
  client: pg.ClientBase,
  schema: string | undefined,
  { query_timeout = STATEMENT_TIMEOUT_MS }: pg.PoolConfig,
  settings: Record<string, string> = {},
): Promise<void> {
  // what its client gives up does not go on for nobody; a transaction sets its own
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
