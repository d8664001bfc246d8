import {
  BrokenCircuitError,
  CircuitState,
  circuitBreaker,
  handleWhenResult,
  SamplingBreaker,
} from 'cockatiel'
import type { CircuitState as State } from '../domain/upkeep/service-status.ts'
import type { Supplier, TransportError } from './contract.ts'

/**
 * A supplier whose dead line spares both sides, and what its circuit is at this moment: open while calls are spared,
 * half-open from when the next would be let through to when it is answered.
 */
export type GuardedSupplier = Supplier & { circuit: () => State }

/** Four calls of five without an answer: a supplier that answers every second call is used all the same. */
const FAILURE_SHARE_MAX = 0.8
const SAMPLE_MS = 10_000
/** Fewer calls say nothing: a few orders of one article must not cut off all others. */
const SAMPLED_CALLS_PER_SECOND_MIN = 5
/** From the last failure to the next try, by a single call. */
const PROBE_AFTER_MS = 10_000

/**
 * Spares a supplier that is down, and Holdfast the wait for its time-outs: when nearly no call is answered the circuit
 * opens, calls fail at once, and 10 s after the last failure the next is let through to see whether the supplier is back.
 *
 * A call that is spared is an error of transport like any other: it counts as a try, so that every order ends.
 */
export function withCircuitBreaker(
  supplier: Supplier,
  { probeAfterMs = PROBE_AFTER_MS } = {},
): GuardedSupplier {
  const policy = circuitBreaker(
    handleWhenResult((result) => (result as { kind: string }).kind === 'transport-error'),
    {
      halfOpenAfter: probeAfterMs,
      breaker: new SamplingBreaker({
        threshold: FAILURE_SHARE_MAX,
        duration: SAMPLE_MS,
        minimumRps: SAMPLED_CALLS_PER_SECOND_MIN,
      }),
    },
  )

  let openedAt = 0
  policy.onBreak(() => {
    openedAt = Date.now()
  })

  async function guard<Answer>(call: () => Promise<Answer>): Promise<Answer | TransportError> {
    try {
      return await policy.execute(call)
    } catch (error) {
      if (!(error instanceof BrokenCircuitError)) throw error
      const detail = 'circuit open: call skipped, the supplier answered almost none of the last calls'
      return { kind: 'transport-error', cause: 'circuit-open', detail, retryAfterMs: probeAfterMs }
    }
  }

  return {
    reserve: (order, call) => guard(() => supplier.reserve(order, call)),
    checkStatus: (ref, call) => guard(() => supplier.checkStatus(ref, call)),
    close: () => supplier.close(),
    circuit: () => {
      if (policy.state === CircuitState.Closed) return 'closed'
      // the policy stays open until a call comes, which may be for ever
      const isProbeDue = Date.now() - openedAt >= probeAfterMs
      return policy.state === CircuitState.HalfOpen || isProbeDue ? 'half-open' : 'open'
    },
  }
}
