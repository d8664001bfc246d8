import { QueueFullError } from './queue-full-error.ts'
import { UnfitDatabaseError } from './unfit-database-error.ts'

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
 * https://www.postgresql.org/docs/current/errcodes-appendix.html: a transaction that this process left idle for too long,
 * too many connections, shut down, crashed, starting.
 */
const SQLSTATES = new Set(['25P03', '53300', '57P01', '57P02', '57P03'])
/** Class 08, connection exceptions; 08P01 is what PgBouncer says of a server that it cannot reach. */
const CONNECTION_SQLSTATE = /^08[0-9A-Z]{3}$/

/**
 * https://www.prisma.io/docs/orm/reference/error-reference: not reachable, timed out, closed the connection, no
 * connection free, too many connections.
 */
const PRISMA_CODES = new Set(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'])

/** What pg says of a statement that its `query_timeout` ended. */
const CLIENT_TIMEOUT = 'Query read timeout'
/** What pg and its pool only say in words. */
const MESSAGES = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  // a connection that is not a pool's: the host is gone, or PgBouncer has no server for it
  'timeout expired',
  'Cannot use a pool after calling end on the pool',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  // no answer for as long as a statement may take: the host is gone, or a lock is held for ever
  CLIENT_TIMEOUT,
]

/**
 * Whether an error says that the database is away or does not keep up, so that the same call may succeed a moment
 * later. A call that failed so may have come through: the connection can be lost after the commit.
 *
 * @param error what pg, Prisma or a group commit threw, or an error that names it as its cause
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof UnfitDatabaseError) return false
  if (error instanceof QueueFullError) return true
  const { code, syscall, meta } = error as DatabaseFailure
  const sqlstate = meta?.driverAdapterError?.cause?.originalCode
  return (
    isUnavailableCode(code) ||
    isUnavailableCode(sqlstate) ||
    // the socket's file is not there: Prisma keeps the code and the text of it, not the syscall
    (code === 'ENOENT' && (syscall === 'connect' || error.message.includes('connect ENOENT'))) ||
    (!isSqlstate(code) && MESSAGES.some((message) => error.message.includes(message))) ||
    isUnavailable(error.cause)
  )
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html: cancelled, by its own time-out or by hand. */
const QUERY_CANCELED = '57014'

/** Whether a statement took longer than it may, by the server's clock or by ours. */
export function isTimeout(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  return (error as DatabaseFailure).code === QUERY_CANCELED || error.message === CLIENT_TIMEOUT
}

/** The parts of pg's, Node's and Prisma's errors that tell. */
type DatabaseFailure = Error & {
  code?: unknown
  syscall?: unknown
  meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } }
}

function isUnavailableCode(code: unknown): boolean {
  if (typeof code !== 'string') return false
  return (
    SOCKET_CODES.has(code) || SQLSTATES.has(code) || PRISMA_CODES.has(code) || CONNECTION_SQLSTATE.test(code)
  )
}

/** An error that PostgreSQL itself sent: its text may quote anything. */
function isSqlstate(code: unknown): boolean {
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !code.startsWith('P')
}
