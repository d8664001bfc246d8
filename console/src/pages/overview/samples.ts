import { signal } from '@preact/signals'
import type { OrderStatus } from '../../components/status-badge.tsx'
import type { ServiceStatus } from './overview-document.ts'

/** Five minutes of them, at one in 2 s. */
const SAMPLES_MAX = 150
/** After a longer pause, as on another page, the lines break off: nobody knows what was meanwhile. */
const PAUSE_MAX_S = 10

export type Figure = 'ordersPerSecond' | 'oldestOpenS' | 'ready' | 'workersAlive' | 'deadLetters' | 'lowItems'

type Sample = { atS: number; values: Partial<Record<Figure | OrderStatus, number>> }

export type Samples = {
  /** Seconds since 1970, rising. */
  times: readonly number[]
  /** Returns a figure's values, one for each time; null where there is none. */
  valuesOf: (figure: Figure | OrderStatus) => readonly (number | null)[]
}

let kept: readonly Sample[] = []

/** What was read over the last minutes. It outlives the page, and not the tab: the server tells of the moment alone. */
export const samples = signal<Samples>({ times: [], valuesOf: () => [] })

/** Keeps a reading. */
export function noteSample(status: ServiceStatus): void {
  const atS = Date.now() / 1_000
  const last = kept.at(-1)
  const pause = last && atS - last.atS > PAUSE_MAX_S ? [{ atS: last.atS + 1, values: {} }] : []
  kept = [...kept, ...pause, { atS, values: valuesOf(status) }].slice(-SAMPLES_MAX)
  const now = kept
  samples.value = {
    times: now.map(({ atS }) => atS),
    valuesOf: (figure) => now.map(({ values }) => values[figure] ?? null),
  }
}

function valuesOf(status: ServiceStatus): Sample['values'] {
  return {
    ...Object.fromEntries(status.orders.map(({ status, count }) => [status, count.count])),
    ordersPerSecond: status.ordersPerSecond,
    oldestOpenS: oldestOf(status)?.ageS ?? 0,
    ready: readyOf(status),
    workersAlive: status.workersAlive,
    deadLetters: status.openDeadLetters.count,
    lowItems: status.lowItems.count,
  }
}

/** The state in which the oldest open order is, and its age; undefined without one. */
export function oldestOf({ orders }: ServiceStatus): { status: OrderStatus; ageS: number } | undefined {
  return orders
    .flatMap(({ status, oldestAgeSeconds: ageS }) => (ageS === null ? [] : [{ status, ageS }]))
    .toSorted((a, b) => b.ageS - a.ageS)[0]
}

/** How many jobs wait for a worker. */
export function readyOf({ queue }: ServiceStatus): number {
  return queue.reduce((sum, { ready }) => sum + ready.count, 0)
}
