import { type Caller, LOCAL_OPERATOR } from '../../domain/caller.ts'

/** Counts what each caller holds, with a limit for each caller. */
export class CountByKey {
  readonly #counts = new Map<string, number>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /**
   * @param key undefined for a caller that is not counted
   * @returns a function that gives it back; undefined if the caller is at its limit
   */
  take(key: string | undefined): (() => void) | undefined {
    if (key === undefined) return () => {}
    const count = this.#counts.get(key) ?? 0
    if (count >= this.#max) return undefined
    this.#counts.set(key, count + 1)
    return () => this.#giveBack(key)
  }

  #giveBack(key: string): void {
    const count = this.#counts.get(key)! - 1
    // callers that hold nothing take no memory
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

/** Returns the key by which connections are counted: the caller; undefined, so not counted, without authentication. */
export function connectionKeyOf(caller: Caller): string | undefined {
  return caller === LOCAL_OPERATOR ? undefined : caller.id
}
