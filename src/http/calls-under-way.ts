import { CALLS_UNDER_WAY_MAX } from '../limits.ts'

/**
 * Counts the calls that this process is answering, and has others refused while there are too many: more under way would
 * not be answered sooner, they would only all wait longer.
 *
 * A call counts while it is worked on, whoever waits for it: not while its body is sent or its answer is read, so that
 * slow clients take nobody's place, and not less when its caller hangs up, which does not end the work.
 */
export class CallsUnderWay {
  readonly #onRefusal: () => void
  #count = 0

  /** @param onRefusal hears of every call that is refused */
  constructor(onRefusal: () => void) {
    this.#onRefusal = onRefusal
  }

  get count(): number {
    return this.#count
  }

  /** Whether one that arrives now is one too many. Whoever then turns it away says so by `noteRefusal`. */
  isFull(): boolean {
    return this.#count >= CALLS_UNDER_WAY_MAX
  }

  noteRefusal(): void {
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
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function'
}
