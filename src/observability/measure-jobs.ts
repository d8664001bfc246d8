import { Histogram, type Registry } from 'prom-client'
import type { JobRun } from '../domain/jobs.ts'

/** From a job that found nothing to do to a supplier that used up its time. */
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

/** Times runs of jobs: how many there were, and how many failed, is in its count. */
export function measureJobs(registry: Registry): (run: JobRun) => void {
  const duration = new Histogram({
    name: 'holdfast_job_duration_seconds',
    help: 'Runs of jobs: done, failed (will be tried again) or given-up (it failed for the last time)',
    labelNames: ['task', 'outcome'],
    buckets: BUCKETS_S,
    registers: [registry],
  })
  return ({ task, outcome, durationMs }) => duration.observe({ task, outcome }, durationMs / 1_000)
}
