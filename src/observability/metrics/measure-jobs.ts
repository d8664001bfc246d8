import { Histogram, type Registry } from 'prom-client'
import { JOB_TASKS, type JobRun } from '../../domain/upkeep/jobs.ts'
import { WORK_BUCKETS_S } from './buckets.ts'

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
