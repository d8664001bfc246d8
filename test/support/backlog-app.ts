import { expect } from 'vitest'
import type { App } from '../../src/app.ts'
import type { TransactionRun } from '../../src/database/transaction.ts'
import type { JobRun } from '../../src/domain/jobs.ts'
import { findBreaches } from '../../src/sql/find-breaches.ts'
import type { Worker } from '../../src/tasks/worker.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from './harness.ts'
import { playSupplier } from './supplier.ts'

/** What its workers fetch: what waits beyond it is a backlog. */
export const CONCURRENCY = 10

/** An application whose orders wait until a worker is started, and its supplier. */
export class BacklogApp {
  readonly supplier = playSupplier()
  testApp!: TestApp
  #ends: (() => Promise<unknown>)[] = []

  async start(): Promise<void> {
    this.supplier.start()
    this.testApp = await createTestApp()
    this.#ends = []
  }

  /** Expects all invariants to hold. */
  async end(): Promise<void> {
    for (const end of this.#ends.toReversed()) await end()
    expect(await findBreaches(this.app.pool)).toEqual([])
    await this.testApp.close()
    this.supplier.stop()
  }

  /** Has something ended before the application is. */
  atEnd(end: () => Promise<unknown>): void {
    this.#ends.push(end)
  }

  get app(): App {
    return this.testApp.app
  }

  /** Starts a worker, until the end. */
  async work(on = this.testApp): Promise<Worker> {
    const worker = await startTestWorker(on, { concurrency: CONCURRENCY })
    this.atEnd(() => worker.stop())
    return worker
  }

  async item(sku: string, available: number): Promise<void> {
    await seed(this.app).item({ sku, available })
  }

  /** Orders one piece each, which nobody reserves yet. @returns their ids, oldest first */
  async order(count: number, sku: string): Promise<string[]> {
    const orders = await Promise.all(Array.from({ length: count }, () => seed(this.app).order({ sku })))
    return orders.map(({ id }) => id).toSorted()
  }

  countOf(status: 'PENDING' | 'RESERVED' | 'AWAITING_RESTOCK' | 'FAILED', sku: string): Promise<number> {
    return this.app.prisma.order.count({ where: { status, sku } })
  }

  /** Waits until so many orders of a SKU are RESERVED. */
  async reserved(count: number, sku: string): Promise<void> {
    await eventually(async () => (await this.countOf('RESERVED', sku)) === count)
  }

  /** @returns the ids of the orders of a SKU that are RESERVED, oldest first */
  async readReserved(sku: string): Promise<string[]> {
    const { rows } = await this.app.pool.query<{ id: string }>(
      `select id from orders where sku = $1 and status = 'RESERVED' order by id`,
      [sku],
    )
    return rows.map(({ id }) => id)
  }

  async countJobs(): Promise<number> {
    return (await this.app.pool.query('select from graphile_worker.jobs')).rowCount!
  }

  /** What an application commits, and what jobs it runs, from now on. */
  hear({ app } = this.testApp) {
    const transactions: TransactionRun[] = []
    const runs: JobRun[] = []
    const { onTransaction, onJobRun } = app
    app.onTransaction = (run) => {
      transactions.push(run)
      onTransaction(run)
    }
    app.onJobRun = (run) => {
      runs.push(run)
      onJobRun(run)
    }
    return {
      runs,
      /** Transactions of a backlog. */
      batches: (outcome: TransactionRun['outcome'] = 'committed') =>
        transactions.filter((run) => run.name === 'reserve-backlog' && run.outcome === outcome).length,
    }
  }

  /** Holds the stock of a SKU, until it is called. */
  async lockStock(sku: string): Promise<() => Promise<void>> {
    const client = await this.app.pool.connect()
    await client.query('begin')
    await client.query('select from inventory_items where sku = $1 for update', [sku])
    return async () => {
      await client.query('commit')
      client.release()
    }
  }

  /** Whether somebody waits for a lock of the stock. */
  async isStockWaitedFor(): Promise<boolean> {
    const { rowCount } = await this.app.pool.query(
      `select from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and query like '%from inventory_items%'`,
    )
    return rowCount! > 0
  }
}
