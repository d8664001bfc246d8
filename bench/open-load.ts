import { runProcess } from './child-process.ts'
import type { HttpLoad } from './http-load.ts'

/**
 * What load to put on a server, however it keeps up: requests are sent when they are due, and not when the one before
 * was answered. `connections` are open; a request that finds none free waits for one, which counts in its latency.
 */
export type OpenLoad = HttpLoad & {
  perSecond: number
  /** The other status that counts as an answer: a refusal, which has to come with `Retry-After`. */
  refusalStatus: number
  /** The body names `SKU-0`: requests name so many SKUs in its place, as `skuNames` has them, and each as often. 1 if left out. */
  skuCount?: number
}

/** What came of it, while it was measured. Latencies count from when a request was due. */
export type OpenLoadResult = {
  acceptedPerSecond: number
  refusedPerSecond: number
  acceptedLatencyMs: { p50: number; p99: number }
  refusedLatencyMs: { p50: number; p99: number }
  /** All that were accepted or refused, also before and after the time that was measured. */
  accepted: number
  refused: number
}

/** Puts an open load on a server from a process of its own. @throws at the first answer that is neither */
export function putOpenLoad(load: OpenLoad): Promise<OpenLoadResult> {
  return runProcess<OpenLoadResult>('bench/open-load-process.ts', load)
}
