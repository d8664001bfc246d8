import { Histogram, type Registry } from 'prom-client'
import { TRANSACTIONS, type TransactionRun } from '../../database/transaction.ts'
import { JOB_TASKS, type JobRun } from '../../domain/upkeep/jobs.ts'

/**
 * For what this process and its database do, in seconds: from a commit on a fast disk, or a job that found nothing to do,
 * to the time limit of a statement.
 */
export const WORK_BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

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

const OUTCOMES = ['done', 'failed', 'given-up'] satisfies JobRun['outcome'][]

/** Times runs of jobs: how many there were, and how many failed, is in its count. */
export function measureJobs(registry: Registry): (run: JobRun) => void {
  const duration = new Histogram({
    name: 'holdfast_job_duration_seconds',
    help: 'Runs of jobs, including waits for a database that is away: done, failed (retried while tries are left) or given-up (the last try failed)',
    labelNames: ['task', 'outcome'],
    buckets: WORK_BUCKETS_S,
    registers: [registry],
  })
  // a rate of failures is to be 0 before the first, and not unknown
  for (const task of JOB_TASKS) for (const outcome of OUTCOMES) duration.zero({ task, outcome })
  return ({ task, outcome, durationMs }) => duration.observe({ task, outcome }, durationMs / 1_000)
}
