/** Something that must not happen, for what, and what was seen. */
export type Violation = { check: string; subject: string; detail: string }

const DETAILS_MAX = 5
const DETAIL_LENGTH_MAX = 6_000
const LOG_KINDS_MAX = 200

/** What a run finds: violations, and counts of what is only worth knowing. Bounded, however much goes wrong. */
export class Findings {
  readonly counts = new Map<string, number>()
  /** Errors in the processes' logs, each kind once, with how often and the first in full. */
  readonly logged = new Map<string, { count: number; first: string }>()
  readonly #violations = new Map<string, { count: number; first: Violation[] }>()

  violate(check: string, subject: string, detail: string): void {
    const kind = this.#violations.get(check) ?? { count: 0, first: [] }
    this.#violations.set(check, kind)
    kind.count++
    if (kind.first.length < DETAILS_MAX) {
      kind.first.push({ check, subject, detail: detail.slice(0, DETAIL_LENGTH_MAX) })
    }
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  log(kind: string, first: string): void {
    const key = kind
      .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|\d+/g, '#')
      .replaceAll(/('#', )+/g, '…, ')
      .slice(0, 200)
    const known = this.logged.get(key)
    if (known) known.count++
    else if (this.logged.size < LOG_KINDS_MAX)
      this.logged.set(key, { count: 1, first: first.slice(0, 1_500) })
  }

  get violationCount(): number {
    return this.#violations.values().reduce((sum, { count }) => sum + count, 0)
  }

  violations(): { check: string; count: number; first: readonly Violation[] }[] {
    return [...this.#violations].map(([check, kind]) => ({ check, ...kind }))
  }
}
