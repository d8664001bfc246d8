import fc from 'fast-check'

/** A call makes no more choices than that: what comes after takes what is simplest. */
const CHOICES_MAX = 250
const NUMBER_MAX = 0xffff

/**
 * What a generator chooses by: numbers from fast-check, one a choice. Where they are used up, and where they are zero, a
 * choice is the first, so that fewer and smaller numbers make simpler things, and fast-check shrinks whatever is built.
 */
export class Choices {
  readonly #numbers: readonly number[]
  #next = 0

  constructor(numbers: readonly number[]) {
    this.#numbers = numbers
  }

  /** A whole number from 0 to below `bound`. */
  below(bound: number): number {
    return (this.#numbers[this.#next++] ?? 0) % bound
  }

  /** Whether this is the one time in `times` when something rare happens. */
  oneIn(times: number): boolean {
    return this.below(times) === times - 1
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!
  }

  /** Takes one by its weight. */
  weighted<Item>(items: readonly (readonly [weight: number, item: Item])[]): Item {
    let left = this.below(items.reduce((sum, [weight]) => sum + weight, 0))
    for (const [weight, item] of items) {
      if (left < weight) return item
      left -= weight
    }
    throw new Error('there is nothing to choose from')
  }
}

/** Whatever `build` makes of choices. */
export function built<Result>(build: (choices: Choices) => Result): fc.Arbitrary<Result> {
  // every choice as likely as the next: fast-check's bias is for numbers that mean something
  const numbers = fc.noBias(fc.array(fc.nat(NUMBER_MAX), { maxLength: CHOICES_MAX, size: 'max' }))
  return numbers.map((numbers) => build(new Choices(numbers)))
}
