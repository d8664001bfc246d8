import type { JobRun, JobTry, OrderRef } from '../domain/upkeep/jobs.ts'

/** Traces runs of jobs. */
export type JobTracing = {
  /** Traces a run of a job: one span for each of its orders, below the span of that order's origin. */
  job<Result>(job: JobTry, orders: readonly OrderRef[], run: () => Promise<Result>): Promise<Result>
}

/** Hooks for logs, metrics and traces of job runs. */
export type JobObserver = {
  /** Called after each run of a job. */
  onJobRun: (run: JobRun) => void
  tracing?: JobTracing | undefined
}

/** Begins a run of a job. @returns a function that reports its end */
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
