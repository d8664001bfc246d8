import { Histogram, type Registry } from 'prom-client'
import type { TransactionRun } from '../database/transaction.ts'

/** From a commit on a fast disk to the time limit of a statement. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Times transactions by their name. One that is tried again counts each time. */
export function measureTransactions(registry: Registry): (run: TransactionRun) => void {
  const duration = new Histogram({
    name: 'holdfast_transaction_duration_seconds',
    help: 'Transactions, with the wait for a connection: committed or failed',
    labelNames: ['transaction', 'outcome'],
    buckets: BUCKETS_S,
    registers: [registry],
  })
  return ({ name, outcome, durationMs }) =>
    duration.observe({ transaction: name, outcome }, durationMs / 1_000)
}
