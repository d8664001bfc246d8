import { Histogram, type Registry } from 'prom-client'
import type { TransactionRun } from '../database/transaction.ts'
import { WORK_BUCKETS_S } from './buckets.ts'

/** Times transactions by their name. One that is tried again counts each time. */
export function measureTransactions(registry: Registry): (run: TransactionRun) => void {
  const duration = new Histogram({
    name: 'holdfast_transaction_duration_seconds',
    help: 'Transactions, with the wait for a connection: committed or failed',
    labelNames: ['transaction', 'outcome'],
    buckets: WORK_BUCKETS_S,
    registers: [registry],
  })
  return ({ name, outcome, durationMs }) =>
    duration.observe({ transaction: name, outcome }, durationMs / 1_000)
}
