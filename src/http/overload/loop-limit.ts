import { performance } from 'node:perf_hooks'
import { CALLS_UNDER_WAY_MAX, CALLS_UNDER_WAY_MIN } from '../../limits.ts'

/** A busier loop leaves requests waiting in their sockets, so even a refusal comes late. */
const UTILIZATION_MAX = 0.97
/** From the full limit to a tenth of it within a second. */
const DECREASE = 0.8
/** And back within three, so that the limit is mostly below what was too much. */
const INCREASE = 1.1
/** After so many windows the full limit is tried again: the load may have dropped. */
const WINDOWS_PER_TRIAL = 20

/**
 * Limits calls in flight so that the event loop keeps some spare time. Refusals need the loop too: a process that accepts all
 * it can, and refuses the rest, falls behind with reading its sockets, and every answer is late. Accepting a little less costs
 * little and keeps answers fast.
 */
export class LoopLimit {
  readonly #readUtilization: () => number
  #limit = CALLS_UNDER_WAY_MAX
  /** The limit before the trial. */
  #bearable = CALLS_UNDER_WAY_MAX
  #window = 0

  /** @param readUtilization returns the loop's utilization since its last call, 0 to 1 */
  constructor(readUtilization: () => number = loopUtilization()) {
    this.#readUtilization = readUtilization
  }

  get limit(): number {
    return Math.round(this.#limit)
  }

  startOverload(): void {
    this.#startTrial()
    this.#bearable = CALLS_UNDER_WAY_MAX
    this.#readUtilization()
  }

  /** Adjusts the limit by the loop's utilization since the last window, or since the overload began. */
  endWindow(): void {
    const isTooMuch = this.#readUtilization() > UTILIZATION_MAX
    const limit = isTooMuch ? Math.min(this.#limit, this.#bearable) * DECREASE : this.#limit * INCREASE
    this.#limit = Math.min(Math.max(limit, CALLS_UNDER_WAY_MIN), CALLS_UNDER_WAY_MAX)
    this.#bearable = CALLS_UNDER_WAY_MAX
    this.#window++
    if (this.#window === WINDOWS_PER_TRIAL) this.#startTrial()
  }

  /** Tries the full limit for one window. If that is still too much, the limit goes back. */
  #startTrial(): void {
    this.#bearable = this.#limit
    this.#limit = CALLS_UNDER_WAY_MAX
    this.#window = 0
  }
}

function loopUtilization(): () => number {
  let before = performance.eventLoopUtilization()
  return () => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, before)
    before = now
    return utilization
  }
}
