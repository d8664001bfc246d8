/**
 * What one process takes on, and what it makes wait: every limit that protects it, with its reason. What an order or an
 * item may be is a rule of the domain and stands there; the limits of a group commit stand with its use-case, what the
 * tasks wait for with them.
 */
const SECOND = 1_000

// callers

/** Room for a large document with its variables, none for an upload. */
export const BODY_SIZE_MAX_BYTES = 100_000
/** 100 kB over a slow line. A request that is never finished would hold its connection, and a stop of the server. */
export const REQUEST_TIMEOUT_MS = 10 * SECOND
/**
 * What is read, and dropped, of a body that was refused before it was read: closed earlier, the connection would be reset,
 * and a client that writes before it reads would never see why. Ten times what proxies let through by default.
 */
export const UNREAD_BODY_MAX_BYTES = 10_000_000
/** How long it may take to come: 2 MB over a line of 4 Mbit/s. */
export const UNREAD_BODY_TIMEOUT_MS = 5 * SECOND
/** How far beyond its time a request may come: Node looks every 30 s by default. */
export const REQUEST_CHECK_INTERVAL_MS = 1 * SECOND
/**
 * A connection on which nothing moves for this long while an answer is due is closed: what a client asked for and does
 * not read is kept in memory. Longer than a connection and a statement may take together; streams say something every 12 s.
 */
export const IDLE_TIMEOUT_MS = 60 * SECOND
/** Twice the watchers that were measured on one process, some 25 kB each. Beyond it a connection is closed at once. */
export const CONNECTIONS_MAX = 20_000
/** Longer than the minute after which load balancers usually give up an idle connection: they are the ones to close it. */
export const KEEP_ALIVE_TIMEOUT_MS = 72 * SECOND
/** A page that fits a screen and a reply of some 10 kB. */
export const PAGE_SIZE_DEFAULT = 20
/** Beyond it a caller is told, and not given less than was asked for. */
export const PAGE_SIZE_MAX = 100

/** Room for some dozen groups and permissions in a token. Node takes 16 kB of headers in all. */
export const TOKEN_LENGTH_MAX_CHARS = 8_000
/** Tokens that need not be verified anew, each some 500 bytes with its caller. */
export const TOKENS_KNOWN_MAX = 10_000

// what one GraphQL request may ask for: what is beyond these is refused before any of it is run

/** Fifty orders in one request come to 2,000, GraphiQL's introspection to 300. Parsing as many takes 1 ms. */
export const TOKENS_MAX = 4_000
/** Each alias at the top is a statement or an order of its own. */
export const ALIASES_MAX = 100
/** No query of ours has one; a client's fragments may have an `@include` each. */
export const DIRECTIVES_MAX = 50
/** Lists and objects in each other, of values and of types; no argument of ours has more than one. */
export const NESTING_MAX = 10
/** From a page of orders to the events of the order behind a movement of its item is 10. */
export const QUERY_DEPTH_MAX = 12
/** Fields, with those of fragments wherever these are used. Fifty aliased orders that ask for everything come to 400. */
export const QUERY_BREADTH_MAX = 500
/** Values of the answer, page sizes counted in full: some 0.2 s of this process. A page of orders with all they have is 9,000. */
export const QUERY_COST_MAX = 20_000
/** Beside its page size a list has this many entries: an order's events and movements are fewer. */
export const LIST_SIZE_ESTIMATE = 5
/** Three times what a call may wait for a connection to the database. */
export const EXECUTION_TIMEOUT_MS = 15 * SECOND

// how often a caller may order is configuration: CREATE_ORDER_RATE_LIMIT

/**
 * What an order waits at most for Redis to count it: a thousand round trips. Beyond it this process counts for itself, and
 * leaves the connection.
 */
export const REDIS_TIMEOUT_MS = 200
/** How soon a Redis that was away is tried again: budgets are apart for no longer than that. */
export const REDIS_RETRY_DELAY_MS = 0.5 * SECOND

// WebSockets and streams

/** A client sends its init with the first packet. One that does not holds a connection for nothing. */
export const WEBSOCKET_INIT_TIMEOUT_MS = 3 * SECOND
/** A peer that has not answered one ping by the next is gone. Proxies give up silent connections after a minute. */
export const WEBSOCKET_PING_INTERVAL_MS = 12 * SECOND
/** The same for a stream of server-sent events. */
export const STREAM_PING_INTERVAL_MS = 12 * SECOND
/** A hundredth of what is watched on one process, so that no caller alone can fill it; some 2.5 MB. */
export const WEBSOCKETS_PER_CALLER_MAX = 100
/** Streams of server-sent events: one order each, where a WebSocket watches many. A twentieth of all connections. */
export const STREAMS_PER_CALLER_MAX = 1_000
/** Operations of one WebSocket, most of them orders that are watched. Beyond it the connection is closed. */
export const WEBSOCKET_OPERATIONS_MAX = 1_000
/** What a WebSocket client may leave unread and still ask for more: some hundred of the largest pages. */
export const WEBSOCKET_UNREAD_MAX_BYTES = 10_000_000

// overload: what is beyond these is refused at once, with 503 and Retry-After

/**
 * Calls under way at once, by any API and transport. More are not answered sooner, they only make each other wait: at
 * twice the load that a process can take, half of the calls waited 81 ms with 500 under way and 40 ms with 300. While
 * some have to be refused, and the event loop has no time to spare, it is fewer.
 */
export const CALLS_UNDER_WAY_MAX = 300
/** So many are let in however busy this process is: a commit of ten is worth its round trips. */
export const CALLS_UNDER_WAY_MIN = 10
/** Some ten commits: what is counted in less says little. An overload is over when nothing was refused for as long. */
export const OVERLOAD_WINDOW_MS = 100
/** Seconds after which a caller that was refused may try again: a database restarts in that, and queues are empty. */
export const RETRY_AFTER_S = '1'

// the database

/**
 * Connections for calls and tasks together. With 8 of the worker, one that listens and one for readiness a process has 22:
 * four fit PostgreSQL's 100.
 */
export const MAIN_POOL_SIZE = 12
/** A call that gets no connection in this time is answered that the database is away; who listens tries again. */
export const CONNECT_TIMEOUT_MS = 5 * SECOND
/**
 * The longest batch takes a tenth of it: a statement of a transaction that waits longer waits for a host that is gone, or a
 * lock held for ever.
 */
export const QUERY_TIMEOUT_MS = 30 * SECOND
/**
 * The same for a statement that is a transaction by itself: an order comes in by one, a page is read by one, and
 * graphile-worker fetches by one. The largest take a tenth of it. Whoever waits is told that the database is away, and the
 * connection is thrown away.
 */
export const STATEMENT_TIMEOUT_MS = 5 * SECOND
/** PostgreSQL ends what nobody waits for a moment before: an answer from it is certain, silence is not. */
export const SERVER_TIMEOUT_MARGIN_MS = 1 * SECOND
/** How often the connection that listens says something to itself. A frozen or vanished host closes no connection. */
export const LISTEN_BEAT_INTERVAL_MS = 2 * SECOND
/** A beat comes back within milliseconds: without one for this long, all connections to that server are given up. */
export const LISTEN_BEAT_TIMEOUT_MS = 3 * SECOND
/** How long a transaction may wait for this process: its locks hold up others. Between two statements pass milliseconds. */
export const IDLE_TRANSACTION_MAX_MS = 5 * SECOND
/** A scrape that waits for a database in trouble would miss all that is known without it. */
export const METRICS_READ_TIMEOUT_MS = 1 * SECOND
/** Four of the usual scrapes may go without a reading, as in a failover, before figures of the database are gone. */
export const FIGURES_AGE_MAX_MS = 60 * SECOND
/**
 * With a million orders and as many jobs it takes 6 ms, where 300,000 dead rows wait for their vacuum 230 ms. Less than a
 * scrape waits: it is told that the database is slow, and the statement does not go on for nobody.
 */
export const STATUS_READ_TIMEOUT_MS = 0.8 * SECOND
/** A database that takes longer to say "1" is of no use to callers: the process is not ready. */
export const READINESS_TIMEOUT_MS = 2 * SECOND

/** Between a start that found the database away and the next look at it. */
export const START_RETRY_DELAY_MS = 0.25 * SECOND

// stopping: 10 s after the signal a process is killed, and some 8 s after it at the latest it has ended

/** All that is under way may take this long together, from the signal on. */
export const DRAIN_TIMEOUT_MS = 6_500
/** What a start under way may still take of that time: its database is up within two seconds. */
export const START_TIMEOUT_MS = 2 * SECOND
/** What the last spans may take to be sent off, after all else. */
export const TRACES_FLUSH_TIMEOUT_MS = 1_500
/**
 * How long a server that stops still answers what comes in on the connections that it has, and tells each caller to
 * leave: one that calls at least once a second is never cut off.
 */
export const LEAVE_TIMEOUT_MS = 1.5 * SECOND
/** A round trip takes less; a WebSocket client that is slower to close is cut off. */
export const WEBSOCKET_CLOSE_TIMEOUT_MS = 1 * SECOND
