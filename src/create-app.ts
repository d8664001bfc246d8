import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import type { App, SettledCall } from './app.ts'
import { GroupCommit } from './database/group-commit.ts'
import type { Order } from './domain/order.ts'
import type { SupplierPolicy } from './domain/supplier-policy.ts'
import { OrderFeed } from './feed/order-feed.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { logEvents } from './observability/log-events.ts'
import type { Logger } from './observability/logger.ts'
import { createMetrics } from './observability/metrics.ts'
import { findOrders } from './sql/find-orders.ts'
import type { Insertion } from './sql/insert-orders.ts'
import { NOTIFIED_ORDERS_MAX } from './sql/notify-watchers.ts'
import { type CreateOrderRequest, createOrders } from './use-cases/create-orders.ts'
import { reserveInventory } from './use-cases/reserve-inventory.ts'
import { settleSupplierOutcomes } from './use-cases/settle-supplier-outcomes.ts'

export type AppOptions = { databaseUrl: string; logger: Logger; supplierPolicy: SupplierPolicy }

/** Connections for calls and tasks together: with the worker's and the listener's, five servers fit PostgreSQL's 100. */
const POOL_SIZE = 12
/**
 * Plans are kept. One made while a table is small would read it whole for as long as nobody analyzes it: a batch of 200
 * reservations took 13 ms on 10,000 orders and 100 ms on 200,000.
 */
const PLAN_BY_INDEX = '-c enable_seqscan=off'
/** A call that gets no connection in this time is answered that the database is away. */
const CONNECT_TIMEOUT_MS = 5_000
/** The longest batch takes a tenth of it: a statement that waits longer waits for a host that is gone, or a lock held for ever. */
const QUERY_TIMEOUT_MS = 30_000
/** A peer that vanished without a word is noticed. */
const KEEP_ALIVE_DELAY_MS = 10_000
/** Orders that come in by one statement: at most as many as one notification can name. */
const CREATE_BATCH_MAX = NOTIFIED_ORDERS_MAX
/**
 * Orders of one reservation: a transaction of some 30 ms. With 200 an order cost a third more, as every batch pays for
 * its commit, its round trips and its fetch of jobs; more than 1,000 gained nothing.
 */
const RESERVE_BATCH_MAX = 1_000
/** Orders that may wait for their commit: some 5 MB, and less than 5 s of work. Beyond, callers are told to come back. */
const CREATE_ORDERS_WAITING_MAX = 10_000
/** Orders of one read: a reply of about 250 kB. */
const READ_BATCH_MAX = 1_000
/** Reads that may wait at once, each some 200 bytes. */
const READS_WAITING_MAX = 100_000
/** A worker has no more jobs under way than its concurrency, which is less: never reached. */
const JOBS_WAITING_MAX = 10_000

/** Puts together what the use-cases work with. Resolves once the database is reached and its changes are heard. */
export async function createApp(options: AppOptions): Promise<{ app: App; close: () => Promise<void> }> {
  const { databaseUrl, logger, supplierPolicy } = options
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    application_name: 'holdfast',
    max: POOL_SIZE,
    // statements of a transaction that do not wait for each other's results share a round trip
    pipeline: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    options: PLAN_BY_INDEX,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  })
  // a connection that breaks is replaced at the next query; an error that nobody listens to would end the process
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.warn({ err: error }, 'lost a connection to the database'))
  })
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  const findOrder = new GroupCommit<string, Order | undefined>((ids) => findInOrder(pool, ids), {
    batchSizeMax: READ_BATCH_MAX,
    waitingMax: READS_WAITING_MAX,
  })
  const feed = new OrderFeed({ databaseUrl, findOrder, logger })
  const metrics = createMetrics({ pool, feed, logger })
  const log = logEvents(logger)
  const app: App = {
    pool,
    prisma,
    logger,
    supplierPolicy,
    feed,
    metrics: metrics.registry,
    onEvents: (events) => {
      feed.tell(events.map(({ order }) => order))
      log(events)
      metrics.onEvents(events)
    },
    onTransaction: metrics.onTransaction,
    onJobRun: metrics.onJobRun,
    now: () => new Date(),
    random: Math.random,
    groups: {
      findOrder,
      createOrder: new GroupCommit<CreateOrderRequest, Insertion>((requests) => createOrders(app, requests), {
        batchSizeMax: CREATE_BATCH_MAX,
        waitingMax: CREATE_ORDERS_WAITING_MAX,
      }),
      reserveInventory: new GroupCommit<string, undefined>(
        voids((ids) => reserveInventory(app, ids)),
        {
          batchSizeMax: RESERVE_BATCH_MAX,
          waitingMax: JOBS_WAITING_MAX,
        },
      ),
      settleSupplierOutcome: new GroupCommit<SettledCall, undefined>(
        voids((calls) => settleSupplierOutcomes(app, calls)),
        {
          batchSizeMax: RESERVE_BATCH_MAX,
          waitingMax: JOBS_WAITING_MAX,
        },
      ),
    },
  }
  const close = async () => {
    await Promise.all(Object.values(app.groups).map((group) => group.settled()))
    await feed.stop()
    await prisma.$disconnect()
    await pool.end()
  }
  try {
    await feed.start()
  } catch (error) {
    await close()
    throw error
  }
  return { app, close }
}

async function findInOrder(pool: pg.Pool, ids: string[]): Promise<(Order | undefined)[]> {
  const orders = new Map((await findOrders(pool, ids)).map((order) => [order.id, order]))
  return ids.map((id) => orders.get(id))
}

/** As a group commit takes it: nothing for each. */
function voids<Item>(commit: (items: Item[]) => Promise<void>): (items: Item[]) => Promise<undefined[]> {
  return async (items) => {
    await commit(items)
    return items.map(() => undefined)
  }
}
