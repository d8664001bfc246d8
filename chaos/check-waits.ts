import { setTimeout as sleep } from 'node:timers/promises'
import type { Reader } from './database.ts'
import type { Findings } from './findings.ts'

/** How patient the processes under test are told to be with their supplier. */
export const SUPPLIER_SETTINGS = {
  recheckDelayMs: 300,
  retryBaseMs: 50,
  timeoutMs: 500,
  /**
   * Of 14 kinds of harm, done to 40 % of the requests, 12 or 13 leave a try without an answer, at most 0.4 of all. On a
   * busy machine answers come too late as well, and processes that were frozen find theirs timed out: say 0.6. So one of
   * the 150,000 calls of an hour runs out of tries with a chance of 150,000 × 0.6^30 = 0.03.
   */
  attemptsMax: 30,
}

/** As the code has it, written out a second time: it is under test. */
const HEAD_START_MS = 2_000
const RETRY_DELAY_MAX_MS = 60_000
/** What the supplier asks for at most is 1 s; an open circuit waits for 10 s. */
const RETRY_AFTER_MAX_MS = 10_000
const DEATHS_UNSPREAD_MAX = 3
const SPREAD_BASE_MS = 5_000
const SPREAD_MAX_MS = 120_000
/** Between the reading of the clock and the writing of a job. */
const MARGIN_MS = 1_000
const LOOK_INTERVAL_MS = 3_000

type WaitingJob = { id: string; waitMs: number; task: string; deaths: number; supplierAttempts: number }

/** The orders that a job is about: a list, or the one of a call to the supplier and of a job of a version before 0.2. */
export const ORDERS_OF_JOB = `case json_typeof(jobs.payload -> 'orders')
    when 'array' then jobs.payload -> 'orders' else json_build_array(jobs.payload) end`

const WAITING_JOBS = `select jobs.id::text, tasks.identifier as task, coalesce(requests.attempts, 0) as "supplierAttempts",
    extract(epoch from jobs.run_at - now())::float8 * 1000 as "waitMs",
    coalesce((jobs.flags ->> 'deaths')::int, 0) as deaths, jobs.attempts, left(jobs.last_error, 300) as "lastError"
  from graphile_worker._private_jobs as jobs
  join graphile_worker._private_tasks as tasks on tasks.id = jobs.task_id
  cross join lateral json_array_elements(${ORDERS_OF_JOB}) as named (ref)
  join orders on orders.id::text = named.ref ->> 'orderId'
  left join supplier_requests as requests on requests.order_id = orders.id and requests.sku = named.ref ->> 'sku'
  where jobs.run_at > now()`

/**
 * A job waits for its supplier, for the process that took its orders to reserve them first, or because its workers died
 * too often, and no longer than the settings have it: one that was put off for another reason would only be waited for.
 *
 * @returns the longest wait that is right, in milliseconds: the deadline counts from its end
 */
export async function checkWaits(database: Reader, findings: Findings): Promise<number> {
  let longestMs = 0
  findings.count('looks at what jobs wait for')
  for (const job of await database.query<WaitingJob>(WAITING_JOBS)) {
    const longestRightMs = waitMaxMs(job)
    if (job.waitMs > longestRightMs + MARGIN_MS) {
      const detail = `${JSON.stringify(job)}, at most ${longestRightMs} ms`
      findings.violate('no job is put off for longer than it should', job.id, detail)
    }
    longestMs = Math.max(longestMs, Math.min(job.waitMs, longestRightMs))
  }
  return longestMs
}

/** Checks it again and again, whenever the database can be asked, until it is stopped. */
export function startWaitChecks(database: Reader, findings: Findings): { stop: () => Promise<void> } {
  const stopping = new AbortController()
  const look = async () => {
    while (!stopping.signal.aborted) {
      await checkWaits(database, findings).catch(() => {})
      await sleep(LOOK_INTERVAL_MS, undefined, { signal: stopping.signal }).catch(() => {})
    }
  }
  const looking = look()
  return {
    stop: async () => {
      stopping.abort()
      await looking
    },
  }
}

function waitMaxMs({ task, deaths, supplierAttempts }: WaitingJob): number {
  const { recheckDelayMs, retryBaseMs } = SUPPLIER_SETTINGS
  const retryMs = Math.min(RETRY_DELAY_MAX_MS, retryBaseMs * 2 ** (supplierAttempts - 1)) + RETRY_AFTER_MAX_MS
  const supplierMs =
    task === 'reserve-inventory'
      ? HEAD_START_MS
      : Math.max(recheckDelayMs, supplierAttempts > 0 ? retryMs : 0)
  const spreadMs = Math.min(SPREAD_MAX_MS, SPREAD_BASE_MS * 2 ** (deaths - DEATHS_UNSPREAD_MAX - 1))
  return Math.max(supplierMs, deaths > DEATHS_UNSPREAD_MAX ? spreadMs : 0)
}
