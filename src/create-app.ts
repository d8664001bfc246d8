import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import type { Logger } from 'pino'
import { ServerPool } from './database/connections.ts'
import type { BatchRun } from './database/group-commit.ts'
import { isServerUnfit } from './database/unavailable.ts'
import { WakeUp } from './database/wake-up.ts'
import type { OrderEvent } from './domain/orders/order-event.ts'
import type { AllocationStrategy } from './domain/stock/allocation.ts'
import type { StockCrossing } from './domain/stock/thresholds.ts'
import type { SupplierPolicy } from './domain/supplier/supplier-policy.ts'
import type { JobRun } from './domain/upkeep/jobs.ts'
import type { WebhookNews } from './domain/webhooks/webhook-news.ts'
import { OrderFeed } from './feed/order-feed.ts'
import { StockFeed } from './feed/stock-feed.ts'
import { PrismaClient } from './generated/prisma/client.ts'
import type { HttpApp } from './http/http-server.ts'
import { CallsUnderWay } from './http/overload/calls-under-way.ts'
import { CONNECT_TIMEOUT_MS, LISTEN_BEAT_TIMEOUT_MS, MAIN_POOL_SIZE, QUERY_TIMEOUT_MS } from './limits.ts'
import { logCrossings } from './observability/logs/log-crossings.ts'
import { logEvents } from './observability/logs/log-events.ts'
import { logJobs } from './observability/logs/log-jobs.ts'
import { logRefusals } from './observability/logs/log-refusals.ts'
import { logUpkeep } from './observability/logs/log-upkeep.ts'
import { logWebhooks } from './observability/logs/log-webhooks.ts'
import type { GroupName } from './observability/metrics/measure-batches.ts'
import type { RefusedBy } from './observability/metrics/measure-calls.ts'
import { measureRateLimit } from './observability/metrics/measure-rate-limit.ts'
import { createMetrics } from './observability/metrics/metrics.ts'
import type { Tracing } from './observability/traces/trace-hooks.ts'
import { refuseAddresses } from './outgoing/refuse-addresses.ts'
import type { OrderLimiter } from './rate-limit/order-limiter.ts'
import type { WorkerApp } from './tasks/worker.ts'
import { createOrderReader, type OrderReader } from './use-cases/orders/find-order.ts'
import { createOrderIntake } from './use-cases/orders/order-intake.ts'
import { createReservationGroup, type ReserveContext } from './use-cases/orders/reserve-inventory.ts'
import { createChangeGroup } from './use-cases/orders/verbs/change-orders.ts'
import type { ChangeContext } from './use-cases/orders/verbs/order-call.ts'
import { createCallReader } from './use-cases/supplier/find-supplier-call.ts'
import { createOutcomeGroup, type SettleContext } from './use-cases/supplier/settle-supplier-outcomes.ts'
import { observeService } from './use-cases/upkeep/read-service-status.ts'
import { SecretBox } from './use-cases/webhooks/secret-box.ts'
import { createAttemptGroup } from './use-cases/webhooks/settle-attempts.ts'

/**
 * All that the composition root puts together, one per process. Nothing below knows it: each room declares the part that
 * it is handed.
 */
export type App = HttpApp &
  WorkerApp &
  ReserveContext &
  ChangeContext &
  SettleContext & {
    groups: { findOrder: OrderReader }
    feed: OrderFeed
    stockFeed: StockFeed
    tracing?: Tracing | undefined
  }

export type AppOptions = {
  databaseUrl: string
  logger: Logger
  supplierPolicy: SupplierPolicy
  allocationStrategy?: AllocationStrategy
  /** Keys that seal secrets, the first of them new ones; and whether receivers may be at private addresses. */
  webhooks?: { secretKeys: readonly Buffer[]; mayBePrivate: boolean }
  /** Whether this process serves the APIs: then reservations do not overlap, as that would delay calls. By default it does. */
  takesCalls?: boolean
  orderLimiter?: OrderLimiter | undefined
  tracing?: Tracing | undefined
}

/** Detects a peer that vanished without closing its connection. */
const KEEP_ALIVE_DELAY_MS = 10_000

/** Makes the application. Resolves once the database is reached and notifications are heard. */
export async function createApp(options: AppOptions): Promise<{ app: App; close: () => Promise<void> }> {
  const { databaseUrl, logger, supplierPolicy, allocationStrategy = 'fewest-locations' } = options
  const { orderLimiter, tracing, webhooks = { secretKeys: [], mayBePrivate: false } } = options
  const { takesCalls = true } = options
  const pool = openPool(databaseUrl, logger)
  const schema = await readSchema(pool).catch(async (error) => {
    await pool.end()
    throw error
  })
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { schema }) })
  const observe = (group: GroupName) => ({
    onBatch: (run: BatchRun) => metrics.onBatch(group, run),
    // a read belongs to the span of its reader
    tracing: tracing?.group(group === 'findOrder' || group === 'findSupplierCall' ? undefined : group),
  })
  const findOrder = createOrderReader(pool, observe('findOrder'))
  const outboxSignals = { commits: new WakeUp(), webhookChanges: new WakeUp() }
  const stockFeed = new StockFeed({ pool, logger })
  const feed = new OrderFeed({
    databaseUrl,
    findOrder,
    logger,
    tracing,
    onCommit: (mayBeOfWebhooks) => {
      stockFeed.wake()
      outboxSignals.commits.set()
      if (mayBeOfWebhooks) outboxSignals.webhookChanges.set()
    },
    onServerLost: (error) => {
      // a server that only notifies slowly still answers other connections
      if (isServerUnfit(error) || pool.silenceMs > LISTEN_BEAT_TIMEOUT_MS / 2) pool.leaveServer()
    },
  })
  const logRefusal = logRefusals(logger)
  const onRefusal = (by: RefusedBy) => {
    logRefusal()
    metrics.onRefusal(by)
  }
  const calls = new CallsUnderWay(() => onRefusal('calls'))
  const metrics = createMetrics({
    pool,
    feed,
    stockFeed,
    calls,
    groups: () => app.groups,
    logger,
    readStatus: () => observeService(app),
  })
  const log = logEvents(logger)
  const logCrossing = logCrossings(logger)
  const logJobRun = logJobs(logger)
  const logWebhook = logWebhooks(logger)
  const context = {
    databaseUrl,
    pool,
    prisma,
    logger,
    supplierPolicy,
    allocationStrategy,
    orderLimiter: measureRateLimit(metrics.registry, orderLimiter),
    feed,
    stockFeed,
    metrics: metrics.registry,
    tracing,
    calls,
    onEvents: (events: readonly OrderEvent[]) => {
      tracing?.onEvents(events)
      feed.tell(events.map(({ order }) => order))
      log(events)
      metrics.onEvents(events)
    },
    onCrossings: (crossings: readonly StockCrossing[]) => {
      logCrossing(crossings)
      metrics.onCrossings(crossings)
    },
    onTransaction: metrics.onTransaction,
    onJobRun: (run: JobRun) => {
      logJobRun(run)
      metrics.onJobRun(run)
    },
    onUpkeep: logUpkeep(logger),
    onWebhooks: (news: readonly WebhookNews[]) => {
      logWebhook(news)
      metrics.onWebhooks(news)
    },
    secretBox: new SecretBox(webhooks.secretKeys),
    assertWebhookHost: refuseAddresses('webhook', webhooks).assertHost,
    outboxSignals,
    now: () => new Date(),
    random: Math.random,
  }
  const intake = { ...observe('createOrder'), onRefusal: () => onRefusal('intake') }
  const reservations = { ...observe('reserveInventory'), overlaps: !takesCalls }
  const app: App = Object.assign(context, {
    groups: {
      findOrder,
      findSupplierCall: createCallReader(pool, observe('findSupplierCall')),
      changeOrder: createChangeGroup(context, observe('changeOrder')),
      createOrder: createOrderIntake(context, intake),
      reserveInventory: createReservationGroup(context, reservations),
      settleSupplierOutcome: createOutcomeGroup(context, observe('settleSupplierOutcome')),
      settleAttempt: createAttemptGroup(context, observe('settleAttempt')),
    },
  })
  const close = async () => {
    await Promise.all(Object.values(app.groups).map((group) => group.drain()))
    stockFeed.stop()
    await feed.stop()
    await prisma.$disconnect()
    await pool.end()
  }
  try {
    await feed.start()
    stockFeed.start()
    // now and not with the first query: Prisma loads files then, which an `npm ci` in this folder may have deleted
    await prisma.$connect()
  } catch (error) {
    await close()
    throw error
  }
  return { app, close }
}

function openPool(databaseUrl: string, logger: Logger) {
  const options = {
    application_name: 'holdfast',
    max: MAIN_POOL_SIZE,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  }
  return new ServerPool(databaseUrl, options, (error) =>
    logger.warn({ err: error }, 'database connection lost'),
  )
}

/** Returns the connection's schema, which Prisma writes before the name of each table. */
async function readSchema(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ schema: string | null }>('select current_schema() as schema')
  return rows[0]!.schema ?? 'public'
}
