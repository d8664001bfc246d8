import { isUnavailable } from '../../database/unavailable.ts'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import type { Order } from '../../domain/orders/order.ts'

/** The longest wait of a caller: less than proxies, and clients by default, wait for an answer. */
export const WAIT_MAX_MS = 10_000

/** How long a caller waits for what becomes of its order. */
export type Wait = {
  /** From the call on: 0 to WAIT_MAX_MS; null for not at all. */
  waitMs?: number | null
  /** When it ends at the latest, by `performance.now()`: the calls of one request share its time. */
  waitsUntilMs?: number | undefined
  /** Ends it where the caller hung up. */
  disconnected?: AbortSignal | undefined
  /** EventData if it does not wait because too many others do. */
  onTooMany?: (() => void) | undefined
}

export type WaitContext = {
  feed: {
    /** Gives every version of an order that is newer than `afterVersion`, until `ended`. It fails when the server stops. */
    watch: (
      caller: Caller,
      id: string,
      afterVersion: number,
      transport: undefined,
      ended: AbortSignal,
    ) => Promise<AsyncIterable<Order>>
  }
  calls: {
    /** Runs the wait of a call, unless too many wait: undefined. */
    wait: <Result>(work: () => Promise<Result>) => Promise<Result | undefined>
  }
}

/** Checks how long a caller would wait. @throws {CallError} BAD_USER_INPUT if that is too long, or no whole number */
export function assertWaitMs(waitMs: number): void {
  if (Number.isInteger(waitMs) && waitMs >= 0 && waitMs <= WAIT_MAX_MS) return
  throw new CallError('BAD_USER_INPUT', `waitMs must be 0 to ${WAIT_MAX_MS}`)
}

/**
 * Waits until an order is no longer PENDING, without a connection to the database.
 *
 * @param order as its caller knows it
 * @param calledAtMs when the caller called, by `performance.now()`
 * @returns the order as it stands then, or when the time is over, the caller hung up, the server stops or too many calls wait
 */
export async function waitForOutcome(
  { feed, calls }: WaitContext,
  caller: Caller,
  order: Order,
  { waitMs, waitsUntilMs = Infinity, disconnected, onTooMany }: Wait,
  calledAtMs: number,
): Promise<Order> {
  const waitsMs = Math.min(calledAtMs + (waitMs ?? 0), waitsUntilMs) - performance.now()
  if (waitsMs <= 0 || order.status !== 'PENDING' || disconnected?.aborted) return order
  const outcome = await calls.wait(async () => {
    const ending = new AbortController()
    const end = () => ending.abort()
    const timer = setTimeout(end, Math.ceil(waitsMs))
    disconnected?.addEventListener('abort', end)
    try {
      return await watchUntil(feed, caller, order, ending.signal)
    } finally {
      clearTimeout(timer)
      disconnected?.removeEventListener('abort', end)
    }
  })
  if (!outcome) onTooMany?.()
  return outcome ?? order
}

/** Watches an order while it is PENDING, and returns it as it was seen last. */
async function watchUntil(
  feed: WaitContext['feed'],
  caller: Caller,
  order: Order,
  ended: AbortSignal,
): Promise<Order> {
  let latest = order
  const watch = async () => {
    try {
      for await (latest of await feed.watch(caller, order.id, order.version, undefined, ended))
        if (latest.status !== 'PENDING') return
    } catch (error) {
      // the order is committed: when the server stops, a token expires or the database is away, it is answered as it was seen last
      if (!(error instanceof CallError) && !isUnavailable(error)) throw error
    }
  }
  const end = new Promise<void>((resolve) => ended.addEventListener('abort', () => resolve(), { once: true }))
  // not the watching alone: it begins with a read, which may take longer
  await Promise.race([watch(), end])
  return latest
}
