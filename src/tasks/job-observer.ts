import type { JobRun, JobTry, OrderRef } from '../domain/upkeep/jobs.ts'

export type JobTracing = {
  /** Traces a run of a job: one span for each of its orders, below the span of that order's origin. */
  job<Result>(job: JobTry, orders: readonly OrderRef[], run: () => Promise<Result>): Promise<Result>
}

export type JobObserver = {
  onJobRun: (run: JobRun) => void
  tracing?: JobTracing | undefined
}

export function beginJobRun(
  { onJobRun }: JobObserver,
  run: Pick<JobRun, 'task' | 'attempt' | 'attemptsMax'>,
): (end: Pick<JobRun, 'outcome' | 'orders' | 'error'>) => void {
  const startedAtMs = performance.now()
  return (end) => onJobRun({ ...run, ...end, durationMs: performance.now() - startedAtMs })
}

/** Does the work of a job in its span, if traces are on. */
export function inJobSpan<Result>(
  { tracing }: JobObserver,
  job: JobTry,
  orders: readonly OrderRef[],
  work: () => Promise<Result>,
): Promise<Result> {
  return tracing ? tracing.job(job, orders, work) : work()
}
