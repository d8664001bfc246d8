import type { LoadResult } from './http-load.ts'

/** Counts answers, and keeps the latency of each that falls in the time that is measured. */
export class LoadRecorder {
  #answered = 0
  // exact and not in buckets: 16 bytes a sample is little for the seconds that a run takes
  #latenciesMs = new Float64Array(1 << 16)
  #measured = 0
  #cpuAtStart: NodeJS.CpuUsage | undefined
  #cpu: NodeJS.CpuUsage | undefined
  readonly #durationS: number
  readonly #startsAt: number
  readonly #endsAt: number

  constructor({ warmUpS, durationS }: { warmUpS: number; durationS: number }) {
    this.#durationS = durationS
    this.#startsAt = performance.now() + warmUpS * 1000
    this.#endsAt = this.#startsAt + durationS * 1000
  }

  /** @returns whether to go on */
  record(sentAt: number): boolean {
    const now = performance.now()
    this.#answered++
    if (now < this.#startsAt) return true
    this.#cpuAtStart ??= process.cpuUsage()
    if (now >= this.#endsAt) {
      this.#cpu ??= process.cpuUsage(this.#cpuAtStart)
      return false
    }
    if (this.#measured === this.#latenciesMs.length) this.#grow()
    this.#latenciesMs[this.#measured++] = now - sentAt
    return true
  }

  result(): LoadResult {
    const sorted = this.#latenciesMs.subarray(0, this.#measured).sort()
    const at = (quantile: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? NaN
    const { user = 0, system = 0 } = this.#cpu ?? {}
    return {
      perSecond: this.#measured / this.#durationS,
      latencyMs: { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: at(1) },
      answered: this.#answered,
      generatorUsPerAnswer: (user + system) / this.#measured,
    }
  }

  #grow(): void {
    const larger = new Float64Array(this.#latenciesMs.length * 2)
    larger.set(this.#latenciesMs)
    this.#latenciesMs = larger
  }
}
