import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { CONNECT_TIMEOUT_MS } from '../limits.ts'
import { type ConnectionOptions, connect } from './connections.ts'
import { UnfitDatabaseError } from './unavailable.ts'

/** What `connections.ts` was tried with. */
const VERSION_MIN = 140_000

/** A notification takes less than a millisecond and a round trip. */
const NOTIFICATION_LIMIT_MS = 3_000
/** Others use the same pooler meanwhile, and may happen to take the connection that would have told. */
const ROUNDS = 5

const CHECK_CONNECTION: ConnectionOptions = {
  application_name: 'holdfast-start',
  connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  query_timeout: CONNECT_TIMEOUT_MS,
}

/**
 * Finds out whether Holdfast can work with a database, before anything is written there.
 *
 * @throws {UnfitDatabaseError} when it cannot, with what would be right; anything else when it cannot be reached
 */
export async function checkDatabase(databaseUrl: string): Promise<void> {
  const clients: pg.Client[] = []
  try {
    for (const _ of ['one', 'other']) clients.push(await connect(databaseUrl, CHECK_CONNECTION, () => {}))
    const [client, other] = clients as [pg.Client, pg.Client]
    checkServer(await readKind(client))
    await checkSessions(client, other)
    // only now: what depends on the schema is true of a session
    checkRights(await readKind(client))
    await checkOthers(client)
  } catch (error) {
    throw explain(error)
  } finally {
    await Promise.all(clients.map((client) => client.end().catch(() => {})))
  }
}

/** What PgBouncer says of what it never will take; in the class of errors by which it tells of a server that is away. */
const POOLER_REFUSALS: [RegExp, string][] = [
  [
    /^unsupported startup parameter/,
    'Name it in its ignore_startup_parameters, or take it out of DATABASE_URL.',
  ],
  [/^no such (database|user)/, 'It has to be in its configuration.'],
]

/** Errors of TLS, by what to do about them. */
const TLS_REFUSALS: [RegExp, string][] = [
  [/does not support SSL/, 'Set ssl = on there, or take sslmode out of DATABASE_URL.'],
  [/no encryption|SSL off|SSL required/, 'Add sslmode=require, or sslmode=verify-full, to DATABASE_URL.'],
  [
    /altnames/i,
    'Connect by a name that the certificate has; sslmode=verify-ca in DATABASE_URL looks at the issuer alone.',
  ],
  [
    /self-signed certificate|unable to (verify|get)/i,
    'Name the certificate of its issuer by sslrootcert in DATABASE_URL; sslmode=require alone does not look at it.',
  ],
]

function explain(error: unknown): unknown {
  const { message, code } = error as pg.DatabaseError
  const said = code === '08P01' ? POOLER_REFUSALS : TLS_REFUSALS
  const remedy = said.find(([pattern]) => pattern.test(message))?.[1]
  return remedy === undefined ? error : new UnfitDatabaseError(`${message}. ${remedy}`, { cause: error })
}

/**
 * Each connection has to be a session of its own, for as long as it lives: a pooler that lends the server's connections
 * by transaction or by statement forgets settings, and drops notifications. Of two clients of such a one, at rest, the
 * second gets the connection of the first; or, where it lends them in turn, the first gets another each time.
 */
async function checkSessions(client: pg.Client, other: pg.Client): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const pids = [await pidOf(client), await pidOf(client), await pidOf(other)]
    if (pids[0] !== pids[1] || pids[0] === pids[2]) throw noSession()
  }
  // poolers of other kinds keep the connection, and no notifications
  const channel = `holdfast_probe_${randomUUID()}`
  const heard = new Promise<true>((resolve) => client.once('notification', () => resolve(true)))
  await client.query(`listen ${client.escapeIdentifier(channel)}`)
  await other.query('select pg_notify($1, $2)', [channel, ''])
  if (!(await Promise.race([heard, sleep(NOTIFICATION_LIMIT_MS, false, { ref: false })]))) throw noSession()
}

async function pidOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return rows[0]!.pid
}

function noSession(): UnfitDatabaseError {
  return new UnfitDatabaseError(
    'DATABASE_URL leads through a pooler that shares connections between transactions or statements. Holdfast needs a ' +
      'session for each connection: set pool_mode=session for this database in PgBouncer, or connect to PostgreSQL directly.',
  )
}

type Kind = {
  version: number
  database: string
  encoding: string
  role: string
  schema: string | null
  searchPath: string
  mayCreateInSchema: boolean
  mayCreateSchema: boolean
  owner: string | null
}

const READ_KIND = `
  select
    current_setting('server_version_num')::int as version,
    current_database() as database,
    current_setting('server_encoding') as encoding,
    current_user as role,
    current_schema() as schema,
    current_setting('search_path') as "searchPath",
    coalesce(has_schema_privilege(current_schema(), 'create'), true) as "mayCreateInSchema",
    -- graphile-worker has a schema of its own
    (has_database_privilege(current_database(), 'create') or (current_schema() is not null and exists (
      select from pg_namespace where nspname = 'graphile_worker'))) as "mayCreateSchema",
    -- of what is there already: whoever changes a table has to own it
    (select pg_get_userbyid(relowner) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
      where ((nspname = current_schema() and relname in ('orders', '_prisma_migrations'))
          or (nspname = 'graphile_worker' and relname = '_private_jobs'))
        and not pg_has_role(relowner, 'usage')
      limit 1) as owner`

async function readKind(client: pg.Client): Promise<Kind> {
  const { rows } = await client.query<Kind>(READ_KIND)
  return rows[0]!
}

function checkServer(kind: Kind): void {
  const { database } = kind
  if (kind.version < VERSION_MIN)
    throw new UnfitDatabaseError(
      `PostgreSQL there is version ${Math.floor(kind.version / 10_000)}. Holdfast needs 14 or later.`,
    )
  if (kind.encoding !== 'UTF8')
    throw new UnfitDatabaseError(
      `The database "${database}" has the encoding ${kind.encoding}, which cannot hold every text. Make one that can: ` +
        `create database ${pg.escapeIdentifier(database)} encoding 'UTF8' locale 'C' template template0;`,
    )
}

function checkRights({ database, role, schema, searchPath, ...kind }: Kind): void {
  // Prisma writes the schema before each table, and cannot quote such a name
  if (schema === null ? searchPath.includes('""') : schema.includes('"'))
    throw new UnfitDatabaseError(
      `search_path is ${searchPath}: one schema with a double quote in its name. ` +
        'Several are set without quotes around them all: set search_path = "$user", public',
    )
  if (kind.owner !== null)
    throw new UnfitDatabaseError(
      `The tables belong to "${kind.owner}", and "${role}" may not change them. Connect as that role, or: ` +
        `grant ${pg.escapeIdentifier(kind.owner)} to ${pg.escapeIdentifier(role)};`,
    )
  if (!kind.mayCreateInSchema)
    throw new UnfitDatabaseError(
      `The role "${role}" may not make tables in the schema "${schema}": ` +
        `grant create on schema ${pg.escapeIdentifier(schema!)} to ${pg.escapeIdentifier(role)};`,
    )
  if (!kind.mayCreateSchema)
    throw new UnfitDatabaseError(
      `The role "${role}" may not make schemas in the database "${database}", and the jobs have one of their own: ` +
        `grant create on database ${pg.escapeIdentifier(database)} to ${pg.escapeIdentifier(role)};`,
    )
}

/** Jobs, channels and locks are those of the whole database: a second Holdfast in it would take the first one's jobs. */
async function checkOthers(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ schema: string }>(`
    select nspname as schema from pg_namespace
    where nspname is distinct from current_schema()
      and 2 = (select count(*) from pg_class
        where relnamespace = pg_namespace.oid and relname in ('inventory_movements', 'invariant_checks') and relkind = 'r')
    limit 1`)
  if (rows[0])
    throw new UnfitDatabaseError(
      `The schema "${rows[0].schema}" of the same database has the tables of another Holdfast. One database is one ` +
        'Holdfast: let the schema that DATABASE_URL names be that one, or give this one a database of its own.',
    )
}
