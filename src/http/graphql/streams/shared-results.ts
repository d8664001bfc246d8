import type { ExecutionResult } from 'graphql'

/** Results that are kept: those of some seconds, unless many texts are asked. A result has a kilobyte or two. */
const RESULTS_MAX = 4_000

type Result = ExecutionResult | Promise<ExecutionResult>

/** Results of the events that were executed last, each for all streams that ask the same of it. */
export class SharedResults {
  /** By event, oldest first, and by question. */
  readonly #results = new Map<object, Map<string, ExecutionResult>>()
  #count = 0

  /**
   * Returns the result of an event, the one that is known if there is one. A result that has to be waited for is not kept, since
   * something was read for it; nor is one with errors.
   *
   * @param question the text of what the stream asks
   */
  of(event: object, question: string, execute: () => Result): Result {
    const known = this.#results.get(event)?.get(question)
    if (known) return known
    const result = execute()
    if (!('then' in result) && !result.errors) this.#keep(event, question, result)
    return result
  }

  #keep(event: object, question: string, result: ExecutionResult): void {
    const ofEvent = this.#results.get(event) ?? new Map<string, ExecutionResult>()
    this.#results.set(event, ofEvent.set(question, result))
    this.#count++
    for (const [oldest, { size }] of this.#results) {
      if (this.#count <= RESULTS_MAX) break
      this.#results.delete(oldest)
      this.#count -= size
    }
  }
}
