import type { FailureReason } from '../orders/order-status.ts'

export type SupplierPolicy = {
  /** From "accepted" to the first check, and from "delayed" to the next. */
  recheckDelayMs: number
  /** Checks after a "delayed"; the "delayed" after the last fails the order. */
  recheckLimit: number
  /** What the delay grows by with each "delayed": 1 keeps it fixed. */
  recheckFactor: number
  /** Tries of one call, the first included, against errors of transport. */
  attemptsMax: number
  /** The longest wait after the first such error; it doubles with each. */
  retryBaseMs: number
}

/** What a wait between two tries grows to at most, and what a supplier can add to it. */
export const SUPPLIER_RETRY_DELAY_MAX_MS = 60_000
/** What a supplier may ask for with each Retry-After: an order has to end some day. */
export const RETRY_AFTER_MAX_MS = 3_600_000

/** A supplier that is asked less than once a day is not being waited for. */
const RECHECK_DELAY_MAX_MS = 86_400_000

export type SupplierProgress = {
  /** Errors of transport in a row. */
  attempts: number
  /** Answers of "delayed". */
  rechecks: number
}

/** What a supplier's call came to. `transport-error` is no answer: it may have reached the supplier or not. */
export type SupplierOutcome =
  | { kind: 'accepted'; ref: string }
  | { kind: 'refused' }
  | { kind: 'ok' }
  | { kind: 'fail' }
  | { kind: 'delayed' }
  | { kind: 'transport-error'; detail: string; retryAfterMs?: number }

export type SupplierDecision =
  | { kind: 'reserve' }
  | { kind: 'fail'; reason: FailureReason }
  /** Ask for the status of `ref`, or the same question again where there is no new `ref`, `delayMs` from now. */
  | { kind: 'ask-again'; delayMs: number; progress: SupplierProgress; ref?: string }

/**
 * Decides what an outcome means for an order that waits for its supplier.
 *
 * @param random a number in [0, 1), for jitter: a supplier that comes back is not met by everyone at once
 */
export function decide(
  outcome: SupplierOutcome,
  progress: SupplierProgress,
  policy: SupplierPolicy,
  random: number,
): SupplierDecision {
  switch (outcome.kind) {
    case 'accepted':
      return {
        kind: 'ask-again',
        delayMs: policy.recheckDelayMs,
        progress: { attempts: 0, rechecks: 0 },
        ref: outcome.ref,
      }
    case 'refused':
      return { kind: 'fail', reason: 'SUPPLIER_REFUSED' }
    case 'ok':
      return { kind: 'reserve' }
    case 'fail':
      return { kind: 'fail', reason: 'SUPPLIER_FAILED' }
    case 'delayed':
      return recheck(progress, policy)
    case 'transport-error':
      return retry(progress, policy, random, outcome.retryAfterMs ?? 0)
  }
}

function recheck(progress: SupplierProgress, policy: SupplierPolicy): SupplierDecision {
  if (progress.rechecks >= policy.recheckLimit) return { kind: 'fail', reason: 'SUPPLIER_DELAYED' }
  return {
    kind: 'ask-again',
    delayMs: Math.min(
      RECHECK_DELAY_MAX_MS,
      policy.recheckDelayMs * policy.recheckFactor ** (progress.rechecks + 1),
    ),
    progress: { attempts: 0, rechecks: progress.rechecks + 1 },
  }
}

/** Full jitter: a wait anywhere up to the exponential bound, which begins when the time that the supplier asked for is over. */
function retry(
  progress: SupplierProgress,
  policy: SupplierPolicy,
  random: number,
  retryAfterMs: number,
): SupplierDecision {
  const attempts = progress.attempts + 1
  if (attempts >= policy.attemptsMax) return { kind: 'fail', reason: 'SUPPLIER_UNREACHABLE' }
  const boundMs = Math.min(SUPPLIER_RETRY_DELAY_MAX_MS, policy.retryBaseMs * 2 ** (attempts - 1))
  const askedMs = Math.min(RETRY_AFTER_MAX_MS, retryAfterMs)
  return {
    kind: 'ask-again',
    delayMs: askedMs + Math.round(random * boundMs),
    progress: { ...progress, attempts },
  }
}
