import { type Caller, LOCAL_OPERATOR } from '../../domain/caller.ts'

/** How much of something each caller holds, with a bound for each. */
export class CountByKey {
  readonly #counts = new Map<string, number>()
  readonly #max: number

  constructor(max: number) {
    this.#max = max
  }

  /**
   * @param key undefined for a caller that is not counted
   * @returns what gives it back, or undefined where the caller holds as much as it may
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
    // nothing is kept of who has left
    if (count === 0) this.#counts.delete(key)
    else this.#counts.set(key, count)
  }
}

/** By what connections are counted: their caller. Without authentication that is the operator of this machine, not counted. */
export function connectionKeyOf(caller: Caller): string | undefined {
  return caller === LOCAL_OPERATOR ? undefined : caller.id
}
