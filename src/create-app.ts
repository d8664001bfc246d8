import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import type { App, SettledCall } from './app.ts'
import { createPool } from './database/connections.ts'
import { GroupCommit } from './database/group-commit.ts'
import { isServerUnfit } from './database/unavailable.ts'
import type { Order } from './domain/orders/order.ts'
import type { SupplierPolicy } from './domain/supplier/supplier-policy.ts'
import { OrderFeed } from './feed/order-feed.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import { CallsUnderWay } from './http/overload/calls-under-way.ts'
import {
  CONNECT_TIMEOUT_MS,
  CREATE_BATCH_MAX,
  CREATE_ORDERS_WAITING_MAX,
  INTAKE_COMMIT_MAX_MS,
  INTAKE_WAIT_MAX_MS,
  JOBS_WAITING_MAX,
  LISTEN_BEAT_TIMEOUT_MS,
  POOL_SIZE,
  QUERY_TIMEOUT_MS,
  READ_BATCH_MAX,
  READS_WAITING_MAX,
  RESERVE_BATCH_MAX,
} from './limits.ts'
import { logEvents } from './observability/logs/log-events.ts'
import { logJobs } from './observability/logs/log-jobs.ts'
import { logRefusals } from './observability/logs/log-refusals.ts'
import { logUpkeep } from './observability/logs/log-upkeep.ts'
import type { Logger } from './observability/logs/logger.ts'
import { measureRateLimit } from './observability/metrics/measure-rate-limit.ts'
import { createMetrics } from './observability/metrics/metrics.ts'
import type { Tracing } from './observability/traces/trace-hooks.ts'
import type { OrderLimiter } from './rate-limit/order-limiter.ts'
import { findOrders } from './sql/orders/find-orders.ts'
import type { Insertion } from './sql/orders/insert-orders.ts'
import { createOrders, type RequestedOrder } from './use-cases/orders/create-orders.ts'
import { type ReservationRequest, reserveInventory } from './use-cases/orders/reserve-inventory.ts'
import { settleSupplierOutcomes } from './use-cases/supplier/settle-supplier-outcomes.ts'
import { observeService } from './use-cases/upkeep/read-service-status.ts'

export type AppOptions = {
  databaseUrl: string
  logger: Logger
  supplierPolicy: SupplierPolicy
  orderLimiter?: OrderLimiter | undefined
  /** Undefined where nothing is traced. */
  tracing?: Tracing | undefined
}

/** A peer that vanished without a word is noticed. */
const KEEP_ALIVE_DELAY_MS = 10_000

/** Puts together what the use-cases work with. Resolves once the database is reached and its changes are heard. */
export async function createApp(options: AppOptions): Promise<{ app: App; close: () => Promise<void> }> {
  const { databaseUrl, logger, supplierPolicy, orderLimiter, tracing } = options
  const pool = createPool(databaseUrl, {
    application_name: 'holdfast',
    max: POOL_SIZE,
    // statements of a transaction that do not wait for each other's results share a round trip
    pipeline: true,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  })
  // a connection that breaks is replaced at the next query; an error that nobody listens to would end the process
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('error', (error) => logger.warn({ err: error }, 'lost a connection to the database'))
  })
  const schema = await readSchema(pool).catch(async (error) => {
    await pool.end()
    throw error
  })
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { schema }) })
  const findOrder = new GroupCommit<string, Order | undefined>((ids) => findInOrder(pool, ids), {
    batchSizeMax: READ_BATCH_MAX,
    waitingMax: READS_WAITING_MAX,
    onBatch: (run) => metrics.onBatch('findOrder', run),
    tracing: tracing?.group(),
  })
  const feed = new OrderFeed({
    databaseUrl,
    findOrder,
    logger,
    tracing,
    onServerLost: (error) => {
      // one that is only slow to notify still answers others
      if (isServerUnfit(error) || pool.silenceMs > LISTEN_BEAT_TIMEOUT_MS / 2) pool.leaveServer()
    },
  })
  const calls = new CallsUnderWay(() => app.onRefusal('calls'))
  const metrics = createMetrics({
    pool,
    feed,
    calls,
    groups: () => app.groups,
    logger,
    readStatus: () => observeService(app),
  })
  const log = logEvents(logger)
  const logJobRun = logJobs(logger)
  const logRefusal = logRefusals(logger)
  const app: App = {
    databaseUrl,
    pool,
    prisma,
    logger,
    supplierPolicy,
    orderLimiter: measureRateLimit(metrics.registry, orderLimiter),
    feed,
    metrics: metrics.registry,
    tracing,
    onEvents: (events) => {
      tracing?.onEvents(events)
      feed.tell(events.map(({ order }) => order))
      log(events)
      metrics.onEvents(events)
    },
    onTransaction: metrics.onTransaction,
    onJobRun: (run) => {
      logJobRun(run)
      metrics.onJobRun(run)
    },
    calls,
    onUpkeep: logUpkeep(logger),
    onRefusal: (by) => {
      logRefusal()
      metrics.onRefusal(by)
    },
    now: () => new Date(),
    random: Math.random,
    groups: {
      findOrder,
      createOrder: new GroupCommit<RequestedOrder, Insertion>((requests) => createOrders(app, requests), {
        batchSizeMax: CREATE_BATCH_MAX,
        waitingMax: CREATE_ORDERS_WAITING_MAX,
        waitMaxMs: INTAKE_WAIT_MAX_MS,
        commitMaxMs: INTAKE_COMMIT_MAX_MS,
        onRefusal: () => app.onRefusal('intake'),
        onBatch: (run) => metrics.onBatch('createOrder', run),
        tracing: tracing?.group('createOrder'),
      }),
      reserveInventory: new GroupCommit<readonly ReservationRequest[], undefined>(
        voids((jobs) => reserveInventory(app, jobs.flat())),
        {
          batchSizeMax: RESERVE_BATCH_MAX,
          sizeOf: (orders) => orders.length,
          waitingMax: JOBS_WAITING_MAX,
          onBatch: (run) => metrics.onBatch('reserveInventory', run),
          tracing: tracing?.group('reserveInventory'),
        },
      ),
      settleSupplierOutcome: new GroupCommit<SettledCall, undefined>(
        voids((calls) => settleSupplierOutcomes(app, calls)),
        {
          batchSizeMax: RESERVE_BATCH_MAX,
          waitingMax: JOBS_WAITING_MAX,
          onBatch: (run) => metrics.onBatch('settleSupplierOutcome', run),
          tracing: tracing?.group('settleSupplierOutcome'),
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
    // now, and not with the first query: it reads packages, which an `npm ci` in this folder takes away meanwhile
    await prisma.$connect()
  } catch (error) {
    await close()
    throw error
  }
  return { app, close }
}

/** The schema that the connection names: Prisma writes it before the name of each table. */
async function readSchema(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ schema: string | null }>('select current_schema() as schema')
  return rows[0]!.schema ?? 'public'
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
