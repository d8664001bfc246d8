import type pg from 'pg'
import type { Logger } from 'pino'
import { collectDefaultMetrics, Registry } from 'prom-client'
import type { ServiceStatus } from '../../domain/upkeep/service-status.ts'
import type { OrderFeed } from '../../feed/order-feed.ts'
import type { StockFeed } from '../../feed/stock-feed.ts'
import { DatabaseFigures } from './database-figures.ts'
import { type Groups, measureBatches } from './measure-batches.ts'
import { measureCalls } from './measure-calls.ts'
import { measureDrift } from './measure-drift.ts'
import { measureFeed } from './measure-feed.ts'
import { measureOrders } from './measure-orders.ts'
import { measurePool } from './measure-pool.ts'
import { measureQueue } from './measure-queue.ts'
import { measureStock } from './measure-stock.ts'
import { measureJobs, measureTransactions } from './measure-transactions.ts'
import { measureWebhooks } from './measure-webhooks.ts'

export type MetricsSources = {
  pool: pg.Pool
  feed: OrderFeed
  stockFeed: StockFeed
  calls: { count: number; limit: number; waiting: number }
  /** Called at a scrape, because the groups are made after the metrics. */
  groups: () => Groups
  logger: Logger
  readStatus: () => Promise<ServiceStatus>
}

/**
 * Sets up the metrics of one application, a file for each subject. Each file takes the registry, and returns the hook to call if
 * it counts events. Figures that can be read are read at a scrape.
 *
 * Labels have few values: no SKU, order or caller.
 */
export function createMetrics({ pool, feed, stockFeed, calls, groups, logger, readStatus }: MetricsSources) {
  const registry = new Registry()
  measurePool(registry, pool)
  measureFeed(registry, feed)
  const figures = new DatabaseFigures(registry, logger)
  measureDrift(figures, pool)
  measureQueue(figures, readStatus)
  return {
    registry,
    onEvents: measureOrders(registry, pool, logger),
    onCrossings: measureStock(registry, stockFeed),
    onTransaction: measureTransactions(registry),
    onJobRun: measureJobs(registry),
    onRefusal: measureCalls(registry, calls),
    onBatch: measureBatches(registry, groups),
    onWebhooks: measureWebhooks(registry, figures, pool),
  }
}

/** Gauges by their type, counters by their name; each is the sum of another over its labels. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Shows what the process takes: memory, CPU, event loop, garbage collection. Once a process, and not once an application. */
export function measureProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
}
