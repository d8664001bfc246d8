import { CALLS_UNDER_WAY_MAX, CALLS_UNDER_WAY_MIN, OVERLOAD_WINDOW_MS } from '../../limits.ts'
import { LoopLimit } from './loop-limit.ts'

/**
 * Counts the calls that this process is answering, and has others refused while there are too many: more under way would
 * not be answered sooner, they would only all wait longer.
 *
 * A call counts while it is worked on, whoever waits for it: not while its body is sent or its answer is read, so that
 * slow clients take nobody's place, and not less when its caller hangs up, which does not end the work.
 *
 * A burst is taken up to the full limit. While calls have to be refused, the limit is what leaves the event loop some time
 * to spare. Where calls are slow for another reason, as a slow disk, fewer of them would only be fewer.
 */
export class CallsUnderWay {
  readonly #onRefusal: () => void
  readonly #loop: LoopLimit
  #count = 0
  #refusedAtMs = -Infinity
  #windowStartedAtMs = 0

  constructor(onRefusal: () => void, loop = new LoopLimit()) {
    this.#onRefusal = onRefusal
    this.#loop = loop
  }

  get count(): number {
    return this.#count
  }

  /** How many there may be at this moment. */
  get limit(): number {
    return this.#isOverloaded(performance.now()) ? this.#loop.limit : CALLS_UNDER_WAY_MAX
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
      this.#windowStartedAtMs = nowMs
    } else if (nowMs - this.#windowStartedAtMs >= OVERLOAD_WINDOW_MS) {
      this.#loop.endWindow()
      this.#windowStartedAtMs = nowMs
    }
    this.#refusedAtMs = nowMs
    this.#onRefusal()
  }

  /**
   * Does the work of a call, which counts until that is done, or refuses it where it is one too many.
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
  }

  #isOverloaded(nowMs: number): boolean {
    return nowMs - this.#refusedAtMs < OVERLOAD_WINDOW_MS
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
