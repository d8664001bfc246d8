import { Histogram, type Registry } from 'prom-client'
import { JOB_TASKS, type JobRun } from '../../domain/upkeep/jobs.ts'
import { WORK_BUCKETS_S } from './buckets.ts'

const JOB_OUTCOMES = ['done', 'failed', 'given-up'] satisfies JobRun['outcome'][]

/** Measures the duration of job runs by outcome. Its count is the number of runs. */
export function measureJobs(registry: Registry): (run: JobRun) => void {
  const duration = new Histogram({
    name: 'holdfast_job_duration_seconds',
    help: 'Runs of jobs, including waits for a database that is away: done, failed (retried while tries are left) or given-up (the last try failed)',
    labelNames: ['task', 'outcome'],
    buckets: WORK_BUCKETS_S,
    registers: [registry],
  })
  // before the first failure its rate is 0, not unknown
  for (const task of JOB_TASKS) for (const outcome of JOB_OUTCOMES) duration.zero({ task, outcome })
  return ({ task, outcome, durationMs }) => duration.observe({ task, outcome }, durationMs / 1_000)
}
