/**
 * The limits that protect a process, each with its reason. Limits of orders and items are rules of the domain and stand there;
 * limits of a group commit stand with its use-case, and those of the tasks with the tasks.
 */
const SECOND = 1_000

// callers

/** Room for a large document with its variables, none for an upload. */
export const BODY_SIZE_MAX_BYTES = 100_000
/** 100 kB over a slow line. An unfinished request would keep its connection open, and hold up a stop of the server. */
export const REQUEST_TIMEOUT_MS = 10 * SECOND
/**
 * Bytes that we read and drop after refusing a request early. If we closed at once, the connection would be reset, and a client
 * that writes before it reads would never see the refusal. Ten times the default limit of proxies.
 */
export const UNREAD_BODY_MAX_BYTES = 10_000_000
/** How long we read such a body: 2 MB over a line of 4 Mbit/s. */
export const UNREAD_BODY_TIMEOUT_MS = 5 * SECOND
/** A file of stock: a million rows of some hundred bytes. It is on disk meanwhile, not in memory. */
export const CSV_SIZE_MAX_BYTES = 100_000_000
/** Every level of a large warehouse at once: some minutes. */
export const CSV_ROWS_MAX = 1_000_000
/** The largest file over a line of 1.4 Mbit/s. */
export const CSV_TIMEOUT_MS = 600 * SECOND
/** Files that a process imports at a time: each takes up to CSV_SIZE_MAX_BYTES of disk, and a connection to the database. */
export const IMPORTS_MAX = 2
/** Exports that a process sends at a time: each has a page of rows in memory. */
export const EXPORTS_MAX = 10
/** How late a request's time-out is noticed at most: Node checks every 30 s by default. */
export const REQUEST_CHECK_INTERVAL_MS = 1 * SECOND
/**
 * A connection without traffic for this long during an answer is closed, because an answer that the client does not read stays
 * in memory. Longer than connecting to the database plus a statement; streams send something every 12 s.
 */
export const IDLE_TIMEOUT_MS = 60 * SECOND
/** Twice the watchers that we measured in one process, some 25 kB each. Further connections are closed at once. */
export const CONNECTIONS_MAX = 20_000
/** Longer than the minute after which load balancers usually close an idle connection: they should close it, not we. */
export const KEEP_ALIVE_TIMEOUT_MS = 72 * SECOND
/** A page that fits a screen and a reply of some 10 kB. */
export const PAGE_SIZE_DEFAULT = 20
/** A larger page is an error: a caller never gets less than it asked for. */
export const PAGE_SIZE_MAX = 100

/** Room for some dozen groups and permissions in a token. Node accepts 16 kB of headers in all. */
export const TOKEN_LENGTH_MAX_CHARS = 8_000
/** Verified tokens that we remember, some 500 bytes each with its caller. */
export const TOKENS_KNOWN_MAX = 10_000

// limits of one GraphQL request: one beyond them is refused before any of it runs

/** Fifty orders in one request have 2,000, GraphiQL's introspection 300. Parsing 4,000 takes 1 ms. */
export const TOKENS_MAX = 4_000
/** Each alias at the top is a statement or an order of its own. */
export const ALIASES_MAX = 100
/** No query of ours has one; a client's fragments may have an `@include` each. */
export const DIRECTIVES_MAX = 50
/** Nested lists and objects, in values and in types; the lines of an order nest three. */
export const NESTING_MAX = 10
/** From a page of orders to the events of the order of a movement of its item, the depth is 10. */
export const QUERY_DEPTH_MAX = 12
/** Fields, counting a fragment's fields at each use. Fifty aliased orders with all fields have 400. */
export const QUERY_BREADTH_MAX = 500
/**
 * Values in the answer, with full pages: some 0.2 s of this process. A page of orders with all fields has 9,000. As many again may
 * be in lists that are longer than what is counted for them.
 */
export const QUERY_COST_MAX = 20_000
/** Entries that a list without a page size counts: an order has about as many events and movements, an item fewer levels. */
export const LIST_SIZE_ESTIMATE = 5
/** Lines that an order counts: it may have 100, and few have more than these. */
export const ORDER_LINES_ESTIMATE = 10
/** Three times CONNECT_TIMEOUT_MS, for which a call may wait for a database connection. */
export const EXECUTION_TIMEOUT_MS = 15 * SECOND

// how often a caller may order is configuration: CREATE_ORDER_RATE_LIMIT

/**
 * The longest wait of an order for Redis: a thousand round trips. After it this process counts for itself, and closes the
 * connection.
 */
export const REDIS_TIMEOUT_MS = 200
/** Delay between tries to reach Redis. Processes count separately for at most this much longer than an outage. */
export const REDIS_RETRY_DELAY_MS = 0.5 * SECOND

// WebSockets and streams

/** A client sends `connection_init` with its first packet. One that does not is holding a connection for nothing. */
export const WEBSOCKET_INIT_TIMEOUT_MS = 3 * SECOND
/** A peer that has not answered a ping by the next is gone. Proxies close silent connections after a minute. */
export const WEBSOCKET_PING_INTERVAL_MS = 12 * SECOND
/** The same for event streams. */
export const STREAM_PING_INTERVAL_MS = 12 * SECOND
/** A hundredth of the watchers of one process, so that no caller can fill it alone; some 2.5 MB. */
export const WEBSOCKETS_PER_CALLER_MAX = 100
/** Event streams, which watch one order each; a WebSocket watches many. A twentieth of all connections. */
export const STREAMS_PER_CALLER_MAX = 1_000
/** Operations of one WebSocket, most of them watched orders. With more the connection is closed. */
export const WEBSOCKET_OPERATIONS_MAX = 1_000
/** Unread bytes at which a WebSocket client may still send operations: some hundred of the largest pages. */
export const WEBSOCKET_UNREAD_MAX_BYTES = 10_000_000

// streams of changes of stock

/** SKUs or locations that one stream names: what a planner of some dozen shelves watches. A client that wants more filters for itself. */
export const STREAM_FILTER_MAX = 1_000
/**
 * Changes that wait for the client of a stream: some seconds of a busy shop. A client that is farther behind is cut off with its
 * cursor. Streams share the changes themselves: with all of them full they take some 10 MB together.
 */
export const STREAM_BACKLOG_MAX = 10_000
/** Changes that are read at once: some 5 ms. */
export const STREAM_PAGE_SIZE = 1_000
/** How often the end of the ledger is looked for at most: 1,000 changes a second are 20 pages of 50. */
export const STREAM_PACE_MS = 20
/**
 * How often the end of the ledger is looked for while nobody follows the stock. The first stream delivers what was not committed when it
 * began, and reads the ledger from the last known end for that.
 */
export const STREAM_REST_MS = 30 * SECOND
/** Delay between looks at a transaction that holds the stream back: doubled from the first to the second. */
export const STREAM_WAIT_MIN_MS = 2
export const STREAM_WAIT_MAX_MS = 100

// webhooks

/**
 * Webhooks in all: a shop has a few, each event is written for each of them, and each may have WEBHOOK_CALLS_MAX calls in flight.
 * So a process has 3,750 calls in flight at most, and none waits for another webhook's.
 */
export const WEBHOOKS_MAX = 50
/**
 * Calls in flight of one webhook in a process. First attempts: 1,000 a second to a receiver that takes 50 ms. Retries have slots of
 * their own: events that hang at each attempt take those alone.
 */
export const WEBHOOK_CALLS_MAX = { first: 50, retry: 25 } as const
/** Of one whose calls all fail: each may take the whole of its time, and hold a connection. */
export const WEBHOOK_FAILING_CALLS_MAX = { first: 5, retry: 5 } as const
/** A webhook without a success for so long counts as one whose calls all fail. Before, some events may fail and others not. */
export const WEBHOOK_FAILING_AFTER_MS = 300 * SECOND
/**
 * Secrets of one webhook that were replaced and sign for the rest of their 24 h. Each adds a signature of 47 bytes to a header that
 * servers limit to 8 kB, and its HMAC to each attempt.
 */
export const REPLACED_SECRETS_MAX = 5
/** For a whole attempt, from the connection to the answer. */
export const WEBHOOK_TIMEOUT_MS = 15 * SECOND
/** After this a delivery that is being sent counts as lost, and is due again: an attempt, and the commit of its result. */
export const WEBHOOK_CLAIM_MS = 25 * SECOND
/** A process that cannot open the secret of a webhook looks again after this: another may have the key. */
export const WEBHOOK_UNREADABLE_DELAY_MS = 60 * SECOND
/** Delay between two looks for what is due: calls that end meanwhile are made good for together. */
export const WEBHOOK_PACE_MS = 5
/** How much of an answer is kept: what a receiver says of its error. */
export const WEBHOOK_ANSWER_MAX_BYTES = 1_024
/** A longer answer is not read to its end: its connection is closed. */
export const WEBHOOK_ANSWER_READ_MAX_BYTES = 64 * 1_024
/** How long one job looks for more to send. Then another goes on: jobs that are held for hours count as lost. */
export const SENDING_TIME_MAX_MS = 600 * SECOND
/** Deliveries that were made are kept for a look at them, so many of each webhook. */
export const DELIVERED_KEPT_MAX = 1_000
/** Those that were given up are kept for so long: a month in which somebody can have them sent again. */
export const GIVEN_UP_AGE_MS = 30 * 24 * 3_600 * SECOND
/** Numbers of the outbox that are read at once: some 10 ms, and 50 ms with WEBHOOKS_MAX webhooks. */
export const OUTBOX_PAGE_SIZE = 1_000
/** How often the outbox is looked at at most. */
export const OUTBOX_PACE_MS = 20
/** How often it is looked at where no notification came: a new order sends none. */
export const OUTBOX_REST_MS = 1 * SECOND
/**
 * Deliveries of one webhook that wait for their first attempt: with more it reads no more events, which cost nothing where they are.
 * Those that failed do not count: new events do not wait for them.
 */
export const WEBHOOK_UNTRIED_MAX = 2_000
/**
 * Deliveries of one webhook that are pending, failed ones too: with more it reads no more events, or a receiver that fails for days
 * would fill the disk. Some 200 MB with the answers, and as many as fail in 75 h at 0.7 a second.
 */
export const WEBHOOK_PENDING_MAX = 200_000
/** As many pending deliveries of a webhook are counted, for metrics and pages, and no more: 1 ms. */
export const BACKLOG_COUNTED_MAX = 10_000
/** Due for so long without a job, a delivery has lost it: a worker was killed. */
export const UNSENT_AGE_MS = 5 * SECOND

// overload: calls beyond these are shed at once, with 503 and Retry-After

/**
 * Calls in flight, over all APIs and transports. With more, each call only takes longer: at twice the capacity of a process, the
 * median latency was 81 ms with 500 in flight and 40 ms with 300. The limit is lower while calls are shed and the event loop
 * has no spare time.
 */
export const CALLS_UNDER_WAY_MAX = 300
/** The lowest limit, however busy the process is: a commit of ten orders is worth its round trips. */
export const CALLS_UNDER_WAY_MIN = 10
/**
 * Calls that wait for what becomes of their orders: they are not in flight meanwhile. As many as the watchers that we measured in one
 * process, and no more memory each. Further calls are answered at once, with the order as it stands.
 */
export const WAITING_CALLS_MAX = 10_000
/** Some ten commits: a shorter window says little. An overload ends after one window without a shed call. */
export const OVERLOAD_WINDOW_MS = 100
/** Seconds after which a shed call may be retried: enough for a restart of the database, and for queues to empty. */
export const RETRY_AFTER_S = '1'

// the database

/**
 * Connections for calls and tasks. With 8 of the worker, one that listens and one for readiness, a process has 22: four
 * processes fit PostgreSQL's default of 100.
 */
export const MAIN_POOL_SIZE = 12
/** A call without a connection after this time fails with UNAVAILABLE; the listener retries. */
export const CONNECT_TIMEOUT_MS = 5 * SECOND
/**
 * Time limit of a statement in a transaction. The longest batch takes a tenth of it: a longer statement waits for a host that is
 * gone, or for a lock that is held for ever.
 */
export const QUERY_TIMEOUT_MS = 30 * SECOND
/**
 * Time limit of a statement by itself: the intake, reads and graphile-worker's fetches. The largest take a tenth of it. After it
 * callers get UNAVAILABLE, and the connection is discarded.
 */
export const STATEMENT_TIMEOUT_MS = 5 * SECOND
/** PostgreSQL cancels a statement this much earlier than we give up: its answer is certain, silence is not. */
export const SERVER_TIMEOUT_MARGIN_MS = 1 * SECOND
/** Interval at which the listening connection notifies itself. A frozen or vanished host closes no connection. */
export const LISTEN_BEAT_INTERVAL_MS = 2 * SECOND
/** Such a notification takes milliseconds. Without one for this long, all connections to that server are closed. */
export const LISTEN_BEAT_TIMEOUT_MS = 3 * SECOND
/** How long an open transaction may be idle, since its locks block others. Milliseconds pass between two statements. */
export const IDLE_TRANSACTION_MAX_MS = 5 * SECOND
/** A scrape must not wait for a slow database, or it would lose the other metrics too. */
export const METRICS_READ_TIMEOUT_MS = 1 * SECOND
/** Four scrapes at the usual interval may fail to read the database, as in a fail-over, before its figures disappear. */
export const FIGURES_AGE_MAX_MS = 60 * SECOND
/**
 * Reading the status takes 6 ms with a million orders and as many jobs, and 230 ms with 300,000 dead rows before their vacuum.
 * Less than METRICS_READ_TIMEOUT_MS, so that PostgreSQL cancels the statement before the scrape gives up.
 */
export const STATUS_READ_TIMEOUT_MS = 0.8 * SECOND
/** A database that needs longer for a trivial query is useless to callers: the process is not ready. */
export const READINESS_TIMEOUT_MS = 2 * SECOND

/** Delay between a start that found the database unavailable and the next try. */
export const START_RETRY_DELAY_MS = 0.25 * SECOND

// stopping: orchestrators kill a process 10 s after the signal; ours ends some 8 s after it at the latest

/** Time for all calls and jobs in flight to finish, from the signal on. */
export const DRAIN_TIMEOUT_MS = 6_500
/** The part of that time for a start in progress: its database is up within two seconds. */
export const START_TIMEOUT_MS = 2 * SECOND
/** Time to send the last spans, after everything else. */
export const TRACES_FLUSH_TIMEOUT_MS = 1_500
/**
 * How long a stopping server still answers calls on open connections, with `Connection: close`. A client that calls at least
 * once a second is never cut off.
 */
export const LEAVE_TIMEOUT_MS = 1.5 * SECOND
/** Time for a WebSocket client to answer the close, before it is cut off. */
export const WEBSOCKET_CLOSE_TIMEOUT_MS = 1 * SECOND
