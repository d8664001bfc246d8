/**
 * What one process takes on, and what it makes wait: every limit that protects it, with its reason. What an order or an
 * item may be is a rule of the domain and stands there; what the tasks wait for stands with them.
 */
import { NOTIFIED_ORDERS_MAX } from './sql/notify-watchers.ts'

const SECOND = 1_000

// callers

/** Room for a large document with its variables, none for an upload. */
export const BODY_SIZE_MAX_BYTES = 100_000
/** 100 kB over a slow line. A request that is never finished would hold its connection, and a stop of the server. */
export const REQUEST_TIMEOUT_MS = 10 * SECOND
/** Twice the watchers that were measured on one process, some 25 kB each. Beyond it a connection is closed at once. */
export const CONNECTIONS_MAX = 20_000
/** Longer than the minute after which load balancers usually give up an idle connection: they are the ones to close it. */
export const KEEP_ALIVE_TIMEOUT_MS = 72 * SECOND
/** A page that fits a screen and a reply of some 10 kB. */
export const PAGE_SIZE_DEFAULT = 20
/** Beyond it a caller is told, and not given less than was asked for. */
export const PAGE_SIZE_MAX = 100

// overload: what is beyond these is refused at once, with 503 and Retry-After

/** What an order may have to wait for the commits of those before it: some five of full batches, in good order. */
export const INTAKE_WAIT_MAX_MS = 100
/** A commit that takes longer hangs: a lock that is held, a disk that stalls. In good order it takes 5 to 20 ms. */
export const INTAKE_COMMIT_MAX_MS = 1 * SECOND
/** Orders that may wait for their commit, however fast it is: some 5 MB. */
export const CREATE_ORDERS_WAITING_MAX = 10_000
/**
 * Calls under way at once: as many orders as share a commit, and what a process answers in some 20 ms. More would not be
 * answered sooner, they would only make each other wait.
 */
export const CALLS_UNDER_WAY_MAX = NOTIFIED_ORDERS_MAX
/** Seconds after which a caller that was refused may try again: a database restarts in that, and queues are empty. */
export const RETRY_AFTER_S = '1'

// the database

/** Connections for calls and tasks together: with the worker's and the listener's, five servers fit PostgreSQL's 100. */
export const POOL_SIZE = 12
/** A call that gets no connection in this time is answered that the database is away. */
export const CONNECT_TIMEOUT_MS = 5 * SECOND
/** The longest batch takes a tenth of it: a statement that waits longer waits for a host that is gone, or a lock held for ever. */
export const QUERY_TIMEOUT_MS = 30 * SECOND
/** How long a transaction may wait for this process: its locks hold up others. Between two statements pass milliseconds. */
export const IDLE_TRANSACTION_MAX_MS = 5 * SECOND
/** A database that takes longer to say "1" is of no use to callers: the process is not ready. */
export const READINESS_TIMEOUT_MS = 2 * SECOND

// what shares a transaction or a statement

/** Orders that come in by one statement: at most as many as one notification can name. */
export const CREATE_BATCH_MAX = NOTIFIED_ORDERS_MAX
/**
 * Orders of one reservation: a transaction of some 30 ms. With 200 an order cost a third more, as every batch pays for
 * its commit, its round trips and its fetch of jobs.
 */
export const RESERVE_BATCH_MAX = 1_000
/** A worker has no more jobs under way than its concurrency, which is less: never reached. */
export const JOBS_WAITING_MAX = 10_000
/** Orders of one read: a reply of about 250 kB. */
export const READ_BATCH_MAX = 1_000
/** Reads that may wait at once, each some 200 bytes. */
export const READS_WAITING_MAX = 100_000
/** Pages of one statement: of the largest size, 10,000 movements or about 2 MB. */
export const PAGE_BATCH_MAX = 100
/** What nested lists of the largest size come to, twice over. */
export const PAGES_WAITING_MAX = 20_000

// stopping: 10 s after the signal a process is killed

/** All that is under way may take this long together. */
export const DRAIN_TIMEOUT_MS = 6_500
/** After a signal, what a start under way may still take: its database is up within two seconds. */
export const START_TIMEOUT_MS = 2 * SECOND
/**
 * How long a server that stops still answers what comes in on the connections that it has, and tells each caller to
 * leave: one that calls at least once a second is never cut off.
 */
export const LEAVE_TIMEOUT_MS = 1.5 * SECOND
/** A round trip takes less; a WebSocket client that is slower to close is cut off. */
export const WEBSOCKET_CLOSE_TIMEOUT_MS = 1 * SECOND
