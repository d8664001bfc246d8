import type { FailureReason } from '../orders/order-status.ts'

export type SupplierPolicy = {
  /** From "accepted" to the first check, and from "delayed" to the next. */
  recheckDelayMs: number
  /** Checks after a "delayed"; the "delayed" after the last fails the order. */
  recheckLimit: number
  /** Multiplies the delay after each "delayed": 1 keeps it fixed. */
  recheckFactor: number
  /** Tries of one call while there are transport errors, the first included. */
  attemptsMax: number
  /** The longest wait after the first transport error; it doubles with each. */
  retryBaseMs: number
}

/** The longest back-off between two tries, without what a supplier's Retry-After adds. */
export const SUPPLIER_RETRY_DELAY_MAX_MS = 60_000
/** The longest Retry-After that we honour, because every order has to end. */
export const RETRY_AFTER_MAX_MS = 3_600_000

/** A supplier that we ask less than once a day is one we no longer wait for. */
const RECHECK_DELAY_MAX_MS = 86_400_000

/** How often a supplier was asked about a line so far. */
export type SupplierProgress = {
  /** Transport errors in a row. */
  attempts: number
  /** Answers of "delayed". */
  rechecks: number
}

/** The outcome of a supplier call. `transport-error`: no answer, and the call may or may not have reached the supplier. */
export type SupplierOutcome =
  | { kind: 'accepted'; ref: string }
  | { kind: 'refused' }
  | { kind: 'ok' }
  | { kind: 'fail' }
  | { kind: 'delayed' }
  | { kind: 'transport-error'; detail: string; retryAfterMs?: number }

export type SupplierDecision =
  | { kind: 'deliver' }
  | { kind: 'fail'; reason: Extract<FailureReason, `SUPPLIER_${string}`> }
  /** Ask for the status of `ref`, or the same question again where there is no new `ref`, `delayMs` from now. */
  | { kind: 'ask-again'; delayMs: number; progress: SupplierProgress; ref?: string }

/**
 * Decides what an outcome means for what a supplier was asked for.
 *
 * @param random a number in [0, 1), for jitter: not all orders call a recovered supplier at once
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
      return { kind: 'deliver' }
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

/** Full jitter: a random wait up to the exponential bound, after the time that the supplier asked for. */
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
    progress: { attempts, rechecks: progress.rechecks },
  }
}
