import {
  CALL_DURATION_AT_OVERLOAD_MS,
  CALLS_UNDER_WAY_AT_OVERLOAD_MIN,
  CALLS_UNDER_WAY_MAX,
  OVERLOAD_WINDOW_MS,
} from '../limits.ts'

/**
 * Counts the calls that this process is answering, and has others refused while there are too many: more under way would
 * not be answered sooner, they would only all wait longer.
 *
 * A call counts while it is worked on, whoever waits for it: not while its body is sent or its answer is read, so that
 * slow clients take nobody's place, and not less when its caller hangs up, which does not end the work.
 *
 * A burst is taken up to the full limit. As long as calls have to be refused, the limit is as many as are answered in the
 * time that a call may take then, for how long each takes is how many there are by how many are done in a second.
 */
export class CallsUnderWay {
  readonly #onRefusal: () => void
  #count = 0
  #limit = CALLS_UNDER_WAY_MAX
  #refusedAtMs = -Infinity
  /** Of the overload: since when calls that ended are counted, and how many there were. */
  #windowStartedAtMs = 0
  #ended = 0

  /** @param onRefusal hears of every call that is refused */
  constructor(onRefusal: () => void) {
    this.#onRefusal = onRefusal
  }

  get count(): number {
    return this.#count
  }

  /** How many there may be at this moment. */
  get limit(): number {
    return this.#isOverloaded() ? this.#limit : CALLS_UNDER_WAY_MAX
  }

  /** Whether one that arrives now is one too many. Whoever then turns it away says so by `noteRefusal`. */
  isFull(): boolean {
    return this.#count >= CALLS_UNDER_WAY_AT_OVERLOAD_MIN && this.#count >= this.limit
  }

  noteRefusal(): void {
    const nowMs = performance.now()
    const windowMs = nowMs - this.#windowStartedAtMs
    if (!this.#isOverloaded()) {
      this.#limit = CALLS_UNDER_WAY_MAX
      this.#startWindow(nowMs)
    } else if (windowMs >= OVERLOAD_WINDOW_MS) {
      const bearable = Math.round((this.#ended / windowMs) * CALL_DURATION_AT_OVERLOAD_MS)
      this.#limit = Math.min(Math.max(bearable, CALLS_UNDER_WAY_AT_OVERLOAD_MIN), CALLS_UNDER_WAY_MAX)
      this.#startWindow(nowMs)
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

  #isOverloaded(): boolean {
    return performance.now() - this.#refusedAtMs < OVERLOAD_WINDOW_MS
  }

  #startWindow(nowMs: number): void {
    this.#windowStartedAtMs = nowMs
    this.#ended = 0
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
