import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from './harness.ts'
import type { Course } from './promtool.ts'
import { type Scrape, scrape } from './scrape.ts'
import type { RunningServer } from './server-process.ts'

// what a running server shows at /metrics, before a fault and after it

/** A scrape reads from the database: without a pause it would keep a processor busy while one waits for a minute. */
const SCRAPE_PAUSE_MS = 100

/** Places orders, all at once. Returns the statuses of the answers. */
export async function order({ url }: RunningServer, sku: string, times = 1): Promise<number[]> {
  const place = async () => {
    const body = JSON.stringify({ sku, qty: 1 })
    const headers = { 'content-type': 'application/json' }
    return (await fetch(`${url}/api/order`, { method: 'POST', headers, body })).status
  }
  return Promise.all(Array.from({ length: times }, place))
}

/** The sum of the samples that have these labels; 0 of none. */
export function sumOf({ samples }: Scrape, name: string, labels: Record<string, string> = {}): number {
  const matching = samples.filter(
    (sample) =>
      sample.name === name &&
      Object.entries(labels).every(([label, value]) => sample.labels[label] === value),
  )
  return matching.reduce((sum, { value }) => sum + value, 0)
}

/** What a server shows in good order: it has done some work, and every invariant was checked. */
export async function inGoodOrder(server: RunningServer): Promise<Scrape> {
  await order(server, 'PLENTY', 5)
  return until(server, (shown) => {
    const isChecked = sumOf(shown, 'holdfast_reconcile_last_success_timestamp_seconds') > 0
    const isDone = sumOf(shown, 'holdfast_oldest_open_order_age_seconds') === 0
    return isChecked && isDone && sumOf(shown, 'holdfast_workers_alive') > 0
  })
}

/** What a server shows once it is as asked for, and has the processor when it needs it. */
export async function until(server: RunningServer, isThere: (shown: Scrape) => boolean): Promise<Scrape> {
  return eventually(async () => {
    const shown = await scrape(server.url)
    if (isThere(shown) && !isHeldUp(shown)) return shown
    await sleep(SCRAPE_PAUSE_MS)
    return undefined
  }, 100_000) as Promise<Scrape>
}

/**
 * Whether the event loop was held up since the last scrape, for as long as HoldfastEventLoopLag allows: a busy machine does so for
 * a moment, most of all at a start. If a fault does so for good, it is waited for in vain.
 */
function isHeldUp(shown: Scrape): boolean {
  return sumOf(shown, 'nodejs_eventloop_lag_p99_seconds') > 0.2
}

/** The course of a fault of a single process. */
export function courseOf(before: Scrape, after: Scrape | null): Course {
  return { before: { one: before }, after: { one: after } }
}
