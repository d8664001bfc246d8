import {
  CALLS_UNDER_WAY_MAX,
  CALLS_UNDER_WAY_MIN,
  OVERLOAD_WINDOW_MS,
  WAITING_CALLS_MAX,
} from '../../limits.ts'
import { LoopLimit } from './loop-limit.ts'

/**
 * Counts the calls in flight, and sheds calls beyond a limit: more calls in flight would only make each of them slower.
 *
 * A call counts while Holdfast works on it, not while its body arrives or its answer is read, so that slow clients do not use
 * up the limit. It still counts after its caller has disconnected, because the work goes on.
 *
 * A burst is accepted up to the full limit. While calls are shed, the limit is what leaves the event loop some spare time. If
 * calls are slow for another reason, such as a slow disk, a lower limit would not make them faster.
 */
export class CallsUnderWay {
  readonly #onRefusal: () => void
  readonly #loop: LoopLimit
  #count = 0
  #waiting = 0
  #refusedAtMs = -Infinity
  #windowStartedAtMs = 0

  constructor(onRefusal: () => void, loop = new LoopLimit()) {
    this.#onRefusal = onRefusal
    this.#loop = loop
  }

  get count(): number {
    return this.#count
  }

  /** How many calls wait for what becomes of their orders. They are not in flight meanwhile. */
  get waiting(): number {
    return this.#waiting
  }

  /** The current limit of calls in flight. */
  get limit(): number {
    return this.#isOverloaded(performance.now()) ? this.#loop.limit : CALLS_UNDER_WAY_MAX
  }

  /** Whether a call that arrives now must be shed. Whoever sheds it calls `noteRefusal`. */
  isFull(): boolean {
    // usually few calls are in flight, and no clock has to be read
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

  /**
   * Lets a call that `run` works on wait. Its place is free meanwhile; then it counts again, however many are in flight.
   *
   * @returns what `work` waited for; undefined, at once, if WAITING_CALLS_MAX calls wait
   */
  async wait<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
    if (this.#waiting >= WAITING_CALLS_MAX) return undefined
    this.#waiting++
    this.#count--
    try {
      return await work()
    } finally {
      this.#count++
      this.#waiting--
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
