import type pg from 'pg'
import type { Logger } from 'pino'
import { Registry } from 'prom-client'
import type { BatchRun } from '../../database/group-commit.ts'
import type { TransactionContext } from '../../database/transaction.ts'
import type { ServiceStatus } from '../../domain/upkeep/service-status.ts'
import type { OrderFeed } from '../../feed/order-feed.ts'
import type { JobObserver } from '../../tasks/job-observer.ts'
import { DatabaseFigures } from './database-figures.ts'
import { type GroupName, type Groups, measureBatches } from './measure-batches.ts'
import { measureCalls, type RefusedBy } from './measure-calls.ts'
import { measureDrift } from './measure-drift.ts'
import { measureFeed } from './measure-feed.ts'
import { measureJobs } from './measure-jobs.ts'
import { measureOrders } from './measure-orders.ts'
import { measurePool } from './measure-pool.ts'
import { measureQueue } from './measure-queue.ts'
import { measureTransactions } from './measure-transactions.ts'

/** The registry, and the hooks to call with events, transactions, jobs, refusals and batches. */
export type Metrics = Pick<TransactionContext, 'onEvents' | 'onTransaction'> &
  Pick<JobObserver, 'onJobRun'> & {
    registry: Registry
    onRefusal: (by: RefusedBy) => void
    onBatch: (group: GroupName, run: BatchRun) => void
  }

/** What the metrics read. */
export type MetricsSources = {
  pool: pg.Pool
  feed: OrderFeed
  calls: { count: number; limit: number }
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
export function createMetrics({ pool, feed, calls, groups, logger, readStatus }: MetricsSources): Metrics {
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
