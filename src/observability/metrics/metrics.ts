import type pg from 'pg'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import type { ServiceStatus } from '../../domain/upkeep/service-status.ts'
import type { OrderFeed } from '../../feed/order-feed.ts'
import { DatabaseFigures } from './database-figures.ts'
import { type Groups, measureBatches } from './measure-batches.ts'
import { measureCalls } from './measure-calls.ts'
import { measureDrift } from './measure-drift.ts'
import { measureFeed } from './measure-feed.ts'
import { measureJobs } from './measure-jobs.ts'
import { measureOrders } from './measure-orders.ts'
import { measurePool } from './measure-pool.ts'
import { measureQueue } from './measure-queue.ts'
import { measureTransactions } from './measure-transactions.ts'

/** What figures are read from. */
export type MetricsSources = {
  pool: pg.Pool
  feed: OrderFeed
  calls: { count: number; limit: number }
  /** Asked when figures are read: they come after the metrics. */
  groups: () => Groups
  logger: Logger
  readStatus: () => Promise<ServiceStatus>
}

/**
 * Sets up the metrics of one application: one file a subject. Each takes the registry and, where it counts what passes,
 * gives the hook that hears of it; where it can read a figure, it does so when it is asked.
 *
 * No label holds a SKU, an order, a caller or any other value that is not one of a few.
 */
export function createMetrics({ pool, feed, calls, groups, logger, readStatus }: MetricsSources) {
  const registry = new Registry()
  measurePool(registry, pool)
  measureFeed(registry, feed)
  const figures = new DatabaseFigures(registry, logger)
  measureDrift(figures, pool)
  measureQueue(figures, readStatus)
  return {
    registry,
    onEvents: measureOrders(registry, pool, logger),
    onTransaction: measureTransactions(registry),
    onJobRun: measureJobs(registry),
    onRefusal: measureCalls(registry, calls),
    onBatch: measureBatches(registry, groups),
  }
}
