import { performance } from 'node:perf_hooks'
import { CALLS_UNDER_WAY_MAX, CALLS_UNDER_WAY_MIN } from '../../limits.ts'

/** A loop that rests for less has requests waiting in their sockets: they are seen late, those to be refused too. */
const UTILIZATION_MAX = 0.97
/** From the full limit to the tenth of it in a second. */
const DECREASE = 0.8
/** And back in three, so that it is mostly below what was too much. */
const INCREASE = 1.1
/** After so many windows the full limit is tried anew: what comes may be bearable again. */
const WINDOWS_PER_TRIAL = 20

/**
 * How many calls may be under way so that the event loop has some time to spare. Refusing takes time of the loop as well:
 * a process that accepts all that it can, and refuses the rest with what is left, falls behind with reading, and all that
 * it answers is late. A little less accepted costs little and leaves nothing waiting.
 */
export class LoopLimit {
  readonly #readUtilization: () => number
  #limit = CALLS_UNDER_WAY_MAX
  /** What was not too much before the trial. */
  #bearable = CALLS_UNDER_WAY_MAX
  #window = 0

  /** @param readUtilization which share of the time since it was last asked the loop was busy, 0 to 1 */
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

  /** Looks at how busy the loop was since the overload, or the window before, began. */
  endWindow(): void {
    const isTooMuch = this.#readUtilization() > UTILIZATION_MAX
    const limit = isTooMuch ? Math.min(this.#limit, this.#bearable) * DECREASE : this.#limit * INCREASE
    this.#limit = Math.min(Math.max(limit, CALLS_UNDER_WAY_MIN), CALLS_UNDER_WAY_MAX)
    this.#bearable = CALLS_UNDER_WAY_MAX
    this.#window++
    if (this.#window === WINDOWS_PER_TRIAL) this.#startTrial()
  }

  /** Gives the full limit for a window, after which it is what it was where that still is too much. */
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
