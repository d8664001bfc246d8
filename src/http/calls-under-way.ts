import {
  CALL_DURATION_AT_OVERLOAD_MS,
  CALLS_UNDER_WAY_AT_OVERLOAD_MIN,
  CALLS_UNDER_WAY_MAX,
  CALLS_UNDER_WAY_MIN,
  OVERLOAD_WINDOW_MS,
} from '../limits.ts'
import { LoopLimit } from './loop-limit.ts'

/** Of an overload that lasts, windows with the full limit: the second shows what can be done with it. */
const FULL_WINDOWS = 2
/** After so many windows it is tried anew with the full limit: what comes may be bearable again. */
const WINDOWS_PER_TRIAL = 20
/** With a smaller limit at least so much of the rate has to remain. A window has room for a few commits, one more or less. */
const RATE_KEPT_MIN = 0.8

/**
 * Counts the calls that this process is answering, and has others refused while there are too many: more under way would
 * not be answered sooner, they would only all wait longer.
 *
 * A call counts while it is worked on, whoever waits for it: not while its body is sent or its answer is read, so that
 * slow clients take nobody's place, and not less when its caller hangs up, which does not end the work.
 *
 * A burst is taken up to the full limit. While calls have to be refused, the limit is as many as are answered in the time
 * that a call may take then, for how long each takes is how many there are by how many are done in a second. Where it is
 * not the number of calls that makes them slow, fewer would only be fewer: then the full limit is kept, unless it is this
 * process that has more to do than it can, for then calls wait before they are counted.
 */
export class CallsUnderWay {
  readonly #onRefusal: () => void
  readonly #loop: LoopLimit
  #count = 0
  #limit = CALLS_UNDER_WAY_MAX
  #refusedAtMs = -Infinity
  /** Of the overload: since when calls that ended are counted, how many there were, and which window it is. */
  #windowStartedAtMs = 0
  #ended = 0
  #window = 0
  /** Calls that end in a millisecond with the full limit; undefined until that is known, or where fewer calls cost some. */
  #fullRate: number | undefined

  /** @param onRefusal hears of every call that is refused */
  constructor(onRefusal: () => void, loop = new LoopLimit()) {
    this.#onRefusal = onRefusal
    this.#loop = loop
  }

  get count(): number {
    return this.#count
  }

  /** How many there may be at this moment. */
  get limit(): number {
    return this.#isOverloaded(performance.now())
      ? Math.min(this.#limit, this.#loop.limit)
      : CALLS_UNDER_WAY_MAX
  }

  /** Whether one that arrives now is one too many. Whoever then turns it away says so by `noteRefusal`. */
  isFull(): boolean {
    // mostly there are few, and no clock has to be read
    return this.#count >= CALLS_UNDER_WAY_MIN && this.#count >= this.limit
  }

  noteRefusal(): void {
    const nowMs = performance.now()
    if (!this.#isOverloaded(nowMs)) {
      this.#loop.startOverload()
      this.#startTrial(nowMs)
    } else if (nowMs - this.#windowStartedAtMs >= OVERLOAD_WINDOW_MS) {
      this.#loop.endWindow()
      this.#endWindow(nowMs)
    }
    this.#refusedAtMs = nowMs
    this.#onRefusal()
  }

  /**
   * Does the work of a call, which counts until that is done, or refuses it where it is one too many.
   *
   * @param refuse gives what is answered then
   */
  run<Result>(work: () => Result, refuse: () => Result): Result {
    if (this.isFull()) {
      this.noteRefusal()
      return refuse()
    }
    this.#count++
    try {
      const result = work()
      if (isThenable(result)) result.then(this.#release, this.#release)
      else this.#release()
      return result
    } catch (error) {
      this.#release()
      throw error
    }
  }

  readonly #release = () => {
    this.#count--
    this.#ended++
  }

  #isOverloaded(nowMs: number): boolean {
    return nowMs - this.#refusedAtMs < OVERLOAD_WINDOW_MS
  }

  #startTrial(nowMs: number): void {
    this.#limit = CALLS_UNDER_WAY_MAX
    this.#fullRate = undefined
    this.#window = 1
    this.#startWindow(nowMs)
  }

  #endWindow(nowMs: number): void {
    if (this.#window >= WINDOWS_PER_TRIAL) {
      this.#loop.startTrial()
      this.#startTrial(nowMs)
      return
    }
    const rate = this.#ended / (nowMs - this.#windowStartedAtMs)
    // where the loop has no time to spare, that alone says how many there may be
    if (this.#window === FULL_WINDOWS && this.#loop.limit === CALLS_UNDER_WAY_MAX) this.#fullRate = rate
    if (this.#fullRate !== undefined) {
      const isWorthIt = rate >= RATE_KEPT_MIN * this.#fullRate
      this.#limit = isWorthIt ? bearableAt(rate) : CALLS_UNDER_WAY_MAX
      if (!isWorthIt) this.#fullRate = undefined
    }
    this.#window++
    this.#startWindow(nowMs)
  }

  #startWindow(nowMs: number): void {
    this.#windowStartedAtMs = nowMs
    this.#ended = 0
  }
}

/** @param rate calls that end in a millisecond */
function bearableAt(rate: number): number {
  const bearable = Math.round(rate * CALL_DURATION_AT_OVERLOAD_MS)
  return Math.min(Math.max(bearable, CALLS_UNDER_WAY_AT_OVERLOAD_MIN), CALLS_UNDER_WAY_MAX)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
