/** What a socket to the database fails with when nobody answers or somebody hangs up. */
const SOCKET_CODES = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
])

/**
 * Transient errors of PostgreSQL and PgBouncer, with the reason why they pass. By SQLSTATE, or by its first two characters for
 * a whole class: https://www.postgresql.org/docs/current/errcodes-appendix.html
 *
 * Not listed: 25P02, which only follows an earlier error; class XX, a bug or damaged files, which need an operator; and in
 * classes 22, 23 and 42 the errors of a caller or of our code.
 */
const NOT_NOW: Readonly<Record<string, string>> = {
  '08': 'the connection was lost or not made; 08P01 is what PgBouncer says of a server that it cannot reach',
  '0A000': 'a prepared statement whose tables were restored: its connection is thrown away',
  '25006': 'the server is read-only: a standby, a primary that was demoted, or one whose disk is almost full',
  '25P03': 'this process left a transaction idle for too long: it was frozen',
  '25P04': 'a transaction took longer than the server allows',
  '26000': 'a prepared statement is gone: another server behind the same address, or DISCARD ALL',
  '40001':
    'another transaction was in the way, each time that it was tried; a standby cancels queries with it too',
  '40003': 'nobody knows whether the statement was done',
  '40P01': 'a deadlock, each time that it was tried',
  '53': 'a full disk, no memory, too many connections, or another limit of the configuration',
  '42P05': 'a prepared statement is there already: a pooler shares connections between transactions',
  '55000': 'the database takes no connections at the moment',
  '55006': 'the database is in use by what is being done to it',
  '55P03': 'a lock was not to be had in time',
  '57': 'cancelled or timed out, shut down, crashed, starting; the database was dropped; the session was idle too long',
  '58': 'the system below PostgreSQL failed: a disk, a file',
  '72': 'the snapshot is too old',
  F0: 'a configuration file of the server cannot be read',
}

/**
 * Refusals by PostgreSQL. They pass for a process that was ready before: somebody rotates a password, or renames or restores a
 * database. For a process that was never ready they mean a wrong configuration.
 */
const REFUSAL_STATES: Readonly<Record<string, string>> = {
  '28': 'the role may not log in, pg_hba.conf does not let it in, or its password is another one',
  '3D000': 'the database is not there: renamed, dropped, or not yet restored',
  '3F000': 'a schema is not there: the database is being restored',
  '42501': 'a privilege is missing: the database is being restored, or the role has lost it',
  '42703': 'a column is not there: a dump of another version is being restored',
  '42704': 'a type is not there: the database is being restored',
  '42883': 'a function is not there: the database is being restored',
  '42P01': 'a table is not there: the database is being restored',
}

/**
 * https://www.prisma.io/docs/orm/reference/error-reference: not reachable, timed out, closed the connection, no
 * connection free, a write conflict, too many connections.
 */
const PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2034', 'P2037'])
/** The same for refusals: password, database, access; a missing table or column. */
const PRISMA_REFUSALS = new Set(['P1000', 'P1003', 'P1010', 'P2021', 'P2022'])

/** No answer within a statement's time limit: the host is gone, or a lock is held for ever. */
const READ_TIMEOUT = 'Query read timeout'

/** Errors of pg and its pool that have no code. */
const MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  // a client outside a pool got no greeting in time: the host is gone, or PgBouncer has no server for it
  'timeout expired',
  'Cannot use a pool after calling end on the pool',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  READ_TIMEOUT,
]

/** Our error for a read-only server, with the SQLSTATE that a write would get there. */
export class ReadOnlyServerError extends Error {
  override readonly name = 'ReadOnlyServerError'
  readonly code = '25006'

  constructor() {
    super(
      'The database server is read-only: a standby, or default_transaction_read_only is on. Holdfast waits for one that takes writes',
    )
  }
}

/**
 * Whether an error says that the database is away, refuses us or does not keep up, so that the same call may succeed
 * later. A call that failed so may have come through: the connection can be lost after the commit.
 *
 * @param error what pg, Prisma or a group commit threw, or an error that names it as its cause
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof UnfitDatabaseError) return false
  if (error instanceof QueueFullError) return true
  const { code, syscall } = error as DatabaseFailure
  return (
    codesOf(error).some(
      (code) => SOCKET_CODES.has(code) || PRISMA_CODES.has(code) || isListed(NOT_NOW, code),
    ) ||
    isOwnRefusal(error) ||
    // the socket's file is not there: Prisma keeps the code and the text of it, not the syscall
    (code === 'ENOENT' && (syscall === 'connect' || error.message.includes('connect ENOENT'))) ||
    (!isSqlstate(code) && MESSAGES.some((message) => error.message.includes(message))) ||
    isUnavailable(error.cause)
  )
}

/** Serialization failure, deadlock, a lock not to be had in time, a statement that its own time-out ended. */
const CONTENTION = new Set(['40001', '40P01', '55P03', '57014'])

/**
 * Whether a database that is there could not do something, since others were in the way. Trying again may help; waiting for
 * the database does not.
 */
export function isContention(error: unknown): boolean {
  return (
    error instanceof Error &&
    (codesOf(error).some((code) => CONTENTION.has(code)) || isContention(error.cause))
  )
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: cancelled, by its own time-out or by hand. */
export const QUERY_CANCELED = '57014'

/** Whether a statement took longer than it may, by the server's clock or by ours. */
export function isTimeout(error: unknown): boolean {
  return error instanceof Error && (codesOf(error).includes(QUERY_CANCELED) || error.message === READ_TIMEOUT)
}

/** Whether the database is there and refuses us: where it never did anything else, it will not come by itself. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && (isOwnRefusal(error) || isRefusal(error.cause))
}

/** Whether an error says that no connection to the same server is of use: it is read-only, or has fallen silent. */
export function isServerUnfit(error: unknown): boolean {
  return isReadOnly(error) || (error instanceof Error && error.message === READ_TIMEOUT)
}

export function isReadOnly(error: unknown): boolean {
  return error instanceof Error && codesOf(error).includes('25006')
}

const STALE = ['0A000', '26000', '42P05']

/** Whether an error says that the statements that a connection has prepared are of no more use. */
export function isConnectionStale(error: unknown): boolean {
  return error instanceof Error && codesOf(error).some((code) => STALE.includes(code))
}

function isOwnRefusal(error: Error): boolean {
  return codesOf(error).some((code) => PRISMA_REFUSALS.has(code) || isListed(REFUSAL_STATES, code))
}

/** The parts of pg's, Node's and Prisma's errors that tell. */
type DatabaseFailure = Error & {
  code?: unknown
  syscall?: unknown
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } }
}

function codesOf(error: Error): string[] {
  const { code, meta } = error as DatabaseFailure
  const sqlstate = meta?.driverAdapterError?.cause?.originalCode
  return [code, sqlstate].filter((code) => typeof code === 'string')
}

function isListed(table: Readonly<Record<string, string>>, code: string): boolean {
  return isSqlstate(code) && (Object.hasOwn(table, code) || Object.hasOwn(table, code.slice(0, 2)))
}

/** An error that PostgreSQL itself sent: its text may quote anything. */
function isSqlstate(code: unknown): boolean {
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('P')
}

/** The queue of a group commit is full, or too slow: the database does not keep up. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError'
}

/**
 * The database answers, and Holdfast cannot work with it as it is: waiting changes nothing. The message says what is
 * wrong, and what would be right.
 */
export class UnfitDatabaseError extends Error {
  override readonly name = 'UnfitDatabaseError'
}
