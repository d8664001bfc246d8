import { setTimeout as sleep } from 'node:timers/promises'
import type { Findings } from './findings.ts'
import type { HoldfastProcess } from './holdfast-process.ts'
import type { Random } from './random.ts'

/** Some steps are taken every 30 s only. */
const AIM_LIMIT_MS = 35_000

/** What a worker does beside the flow of orders, and who reads the stream: its gaps have their turn once each of the flow's has had two. */
export const HOUSEKEEPING =
  /beat|stale|worker|holder|-held|unheld|attempt|sweep|orphan|dead|old-keys|ledger-writers|last-place|find-place|read-ledger|read-snapshot|read-changes/
const TURNS_BEHIND = 2

/** Kills processes between two steps of what they do. It learns from their traffic which gaps there are. */
export class Gaps {
  /** How often each was aimed at, with its start. */
  readonly #aims = new Map<string, number>()
  readonly #open = new Set<string>()
  readonly #findings: Findings
  #isLearning = false

  constructor(findings: Findings) {
    this.#findings = findings
  }

  /** From now on it learns: what is done once only, to begin with, is not worth aiming at. */
  learn(): void {
    this.#isLearning = true
  }

  /** A process is in a gap at this moment. @returns whether it lives on; if not, nothing of what follows may happen */
  survives(process: HoldfastProcess, gap: string): boolean {
    if (!this.#isLearning) return true
    if (!this.#aims.has(gap)) {
      this.#aims.set(gap, HOUSEKEEPING.test(gap) ? TURNS_BEHIND : 0)
      this.#findings.count(`gap: ${gap}`, 0)
    }
    if (!this.#open.has(gap) || !process.signal('SIGKILL')) return true
    this.#open.delete(gap)
    this.#findings.count(`gap: ${gap}`)
    this.#findings.count('fault: SIGKILL between two steps')
    return false
  }

  /** Kills the next process that comes to one of the gaps that were aimed at least; resolves when that is done or given up. */
  async killInOne(random: Random, stopping: AbortSignal): Promise<void> {
    if (this.#aims.size === 0) return
    const least = Math.min(...this.#aims.values())
    const gap = random.pick([...this.#aims].filter(([, aims]) => aims === least).map(([name]) => name))
    this.#aims.set(gap, least + 1)
    this.#open.add(gap)
    await sleep(AIM_LIMIT_MS, undefined, { signal: stopping }).catch(() => {})
    this.#open.delete(gap)
  }
}
