import { Histogram, type Registry } from 'prom-client'
import { TRANSACTIONS, type TransactionRun } from '../../database/transaction.ts'
import { WORK_BUCKETS_S } from './buckets.ts'

/** Measures the duration of transactions by name. Each try counts. */
export function measureTransactions(registry: Registry): (run: TransactionRun) => void {
  const duration = new Histogram({
    name: 'holdfast_transaction_duration_seconds',
    help: 'Transactions, including the wait for a connection: committed or failed',
    labelNames: ['transaction', 'outcome'],
    buckets: WORK_BUCKETS_S,
    registers: [registry],
  })
  for (const transaction of TRANSACTIONS) {
    for (const outcome of ['committed', 'failed']) duration.zero({ transaction, outcome })
  }
  return ({ name, outcome, durationMs }) =>
    duration.observe({ transaction: name, outcome }, durationMs / 1_000)
}
