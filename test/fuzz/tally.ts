/** Counts what was called and what came of it. */
export class Tally {
  readonly #title: string
  readonly #rows = new Map<string, Map<string, number>>()
  #calls = 0

  constructor(title: string) {
    this.#title = title
  }

  get calls(): number {
    return this.#calls
  }

  /** Counts a call, once. */
  noteCall(): void {
    this.#calls++
  }

  note(row: string, outcome: string): void {
    const outcomes = this.#rows.get(row) ?? new Map<string, number>()
    this.#rows.set(row, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1))
  }

  count(row: string, outcome: string): number {
    return this.#rows.get(row)?.get(outcome) ?? 0
  }

  print(): void {
    const lines = [...this.#rows].sort().map(([row, outcomes]) => {
      const counts = [...outcomes]
        .sort(([, a], [, b]) => b - a)
        .map(([outcome, count]) => `${outcome} ${count}`)
      return `    ${row}: ${counts.join(', ')}\n`
    })
    process.stdout.write(`  ${this.#title}: ${this.#calls} calls\n${lines.join('')}`)
  }
}
