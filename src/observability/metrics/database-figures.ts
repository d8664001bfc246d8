import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { Gauge, type Registry } from 'prom-client'
import { FIGURES_AGE_MAX_MS, METRICS_READ_TIMEOUT_MS } from '../../limits.ts'

/** Gauges of one reading, and when it last succeeded: by the wall clock and by a monotonic clock. */
type Group = {
  name: string
  clears: (() => void)[]
  read: () => Promise<void>
  readAt: number
  readAtMs: number
}

/**
 * Reads figures from the database at a scrape, several by one reading, and one reading at a time. While the database is
 * unavailable or slow, shows the last values for a minute and then none: an old value would keep an alert silent, or firing.
 */
export class DatabaseFigures {
  readonly #registers: Registry[]
  readonly #logger: Logger
  readonly #groups: Group[] = []

  constructor(registry: Registry, logger: Logger) {
    this.#registers = [registry]
    this.#logger = logger
    const groups = this.#groups
    new Gauge({
      name: 'holdfast_figures_last_read_timestamp_seconds',
      help: 'Time of the last reading of the database figures. 0 before the first. Figures older than a minute are not served',
      labelNames: ['figures'],
      registers: this.#registers,
      async collect() {
        await Promise.all(groups.map(({ read }) => read()))
        for (const { name, readAt } of groups) this.set({ figures: name }, readAt / 1_000)
      },
    })
  }

  /**
   * Adds gauges that are read together.
   *
   * @param show sets the gauges by what was read; one that it does not set has no value
   * @returns a function that makes one of them
   */
  group<Reading>(name: string, readOnce: () => Promise<Reading>, show: (reading: Reading) => void) {
    let reading: Promise<void> | undefined
    let isAway = false
    const group: Group = {
      name,
      clears: [],
      readAt: 0,
      readAtMs: Number.NEGATIVE_INFINITY,
      read: () => {
        reading ??= readAndShow().finally(() => {
          reading = undefined
        })
        return Promise.race([reading, sleep(METRICS_READ_TIMEOUT_MS, undefined, { ref: false })])
      },
    }
    this.#groups.push(group)

    const readAndShow = async () => {
      try {
        const read = await readOnce()
        for (const clear of group.clears) clear()
        show(read)
        group.readAt = Date.now()
        group.readAtMs = performance.now()
        if (isAway) this.#logger.info({ figures: name }, 'database figures read again')
        isAway = false
      } catch (error) {
        if (!isAway) this.#logger.warn({ err: error, figures: name }, 'database figures not read')
        isAway = true
      }
    }

    return <Label extends string>(name: string, help: string, labelNames: Label[] = []): Gauge<Label> => {
      const gauge = new Gauge({
        name,
        help,
        labelNames,
        registers: this.#registers,
        async collect() {
          await group.read()
          if (performance.now() - group.readAtMs > FIGURES_AGE_MAX_MS) clear()
        },
      })
      const clear = () => {
        gauge.reset()
        // without labels that leaves a 0
        if (labelNames.length === 0) gauge.remove()
      }
      group.clears.push(clear)
      return gauge
    }
  }
}
