import type { ExecutionResult } from 'graphql'

/** Results that are kept: of some seconds of changes. A result has about a kilobyte. */
const RESULTS_MAX = 4_000

type Result = ExecutionResult | Promise<ExecutionResult>

/** Results of the newest events, each for all streams that ask the same of it. */
export class SharedResults {
  /** By event, oldest first, and by question. */
  readonly #results = new Map<object, Map<string, ExecutionResult>>()
  #count = 0

  /**
   * Returns the result of an event. It is shared if it comes of the event alone: where something is read for it, each stream reads
   * what is true then.
   *
   * @param question what the stream asks, as it asks it
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
