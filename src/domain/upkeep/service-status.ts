import { isFinal, ORDER_STATUSES, type OrderStatus } from '../orders/order-status.ts'
import { JOB_TASKS } from './jobs.ts'

/** Each worse than the one before: one that is half-open lets a single call through, whenever that comes; one that is open none. */
const CIRCUIT_STATES = ['closed', 'half-open', 'open'] as const
export type CircuitState = (typeof CIRCUIT_STATES)[number]

/** What a worker says of itself with each beat. */
export type WorkerReport = {
  /** To the supplier; null where there is none. */
  circuit: CircuitState | null
  /** How many jobs of each task it has fetched and not finished with. */
  jobsHeld: Record<string, number>
}

/** Beyond this many, things are no longer counted: a look at the service must not cost more the more there is of it. */
export const COUNTED_MAX = 10_000

/** How many there are: exact, or more than are counted, and then as near as it can be told without counting. */
export type Count = { count: number; isEstimate: boolean }

export type TaskQueue = {
  task: string
  /** Wait for a worker. */
  ready: Count
  /** Wait for their time. */
  scheduled: Count
  /** Held by workers, as they last said: those they run, and as many fetched ahead. */
  held: number
  /** Since when the oldest ready job could run; null without one, and where none is found among those that are counted. */
  oldestReadyAgeS: number | null
}

export type WorkerStatus = {
  id: string
  startedAt: Date
  lastBeatAt: Date
  isAlive: boolean
  circuit: CircuitState | null
}

export type OrderCount = {
  status: OrderStatus
  count: Count
  /** Since the creation of the oldest; null without one, and for orders that go no further. */
  oldestOpenAgeS: number | null
}

export type ServiceStatus = {
  queue: TaskQueue[]
  workers: WorkerStatus[]
  openDeadLetters: Count
  orders: OrderCount[]
}

/** What is read of the database for it. Nothing is counted further than COUNTED_MAX + 1. */
export type StatusReading = {
  ready: { task: string; count: number; oldestAgeS: number }[]
  scheduled: { task: string; count: number }[]
  workers: (WorkerReport & { id: string; startedAt: Date; lastBeatAt: Date; silentMs: number })[]
  deadLetters: { count: number; estimate: number }
  /** Without those that are RESERVED: no index lists them. */
  orders: { status: OrderStatus; count: number; oldestAgeS: number }[]
  /** Of all orders, and how many of those counted are in the state that no index lists. An estimate below zero is none. */
  orderCount: { count: number; reserved: number; estimate: number }
  /** The share of each state among all orders, as far as statistics know it. */
  orderShares: Partial<Record<OrderStatus, number>>
}

/** Makes of what was read what it says. @param silenceMaxMs a worker is alive that has said something since */
export function interpretStatus(reading: StatusReading, silenceMaxMs: number): ServiceStatus {
  return {
    queue: JOB_TASKS.map((task) => queueOf(task, reading)),
    workers: reading.workers.map(({ id, startedAt, lastBeatAt, silentMs, circuit }) => {
      return { id, startedAt, lastBeatAt, isAlive: silentMs <= silenceMaxMs, circuit }
    }),
    openDeadLetters: countOrEstimate(reading.deadLetters.count, reading.deadLetters.estimate),
    orders: countOrders(reading),
  }
}

/** The worst that a living worker says of its way to the supplier; null where none says anything. */
export function worstCircuit(workers: readonly WorkerStatus[]): CircuitState | null {
  const circuits = workers.filter(({ isAlive }) => isAlive).map(({ circuit }) => circuit)
  return CIRCUIT_STATES.findLast((state) => circuits.includes(state)) ?? null
}

function queueOf(task: string, { ready, scheduled, workers }: StatusReading): TaskQueue {
  return {
    task,
    ready: countJobs(ready, task),
    scheduled: countJobs(scheduled, task),
    held: sum(workers.map(({ jobsHeld }) => jobsHeld[task] ?? 0)),
    oldestReadyAgeS: ready.find((row) => row.task === task)?.oldestAgeS ?? null,
  }
}

/** Of a queue that is longer than what is counted, the first of all tasks together are: the least that there are of each. */
function countJobs(rows: readonly { task: string; count: number }[], task: string): Count {
  const counted = sum(rows.map(({ count }) => count))
  return { count: rows.find((row) => row.task === task)?.count ?? 0, isEstimate: counted > COUNTED_MAX }
}

function countOrders({ orders, orderCount, orderShares }: StatusReading): OrderCount[] {
  const total = countOrEstimate(orderCount.count, orderCount.estimate)
  const listed = new Map(
    orders.map(({ status, count, oldestAgeS }) => {
      const estimate = total.count * (orderShares[status] ?? 0)
      // the clock of the process that created it may be ahead of the database's
      const oldestOpenAgeS = count > 0 && !isFinal(status) ? Math.max(oldestAgeS, 0) : null
      return [status, { count: countOrEstimate(count, estimate), oldestOpenAgeS }]
    }),
  )
  // the state that no index lists has the rest, and what was met of it where estimates leave none
  const rest = total.count - sum([...listed.values()].map(({ count }) => count.count))
  const reserved = { count: Math.max(rest, orderCount.reserved), isEstimate: total.isEstimate }
  return ORDER_STATUSES.map((status) => ({
    status,
    ...(listed.get(status) ?? { count: reserved, oldestOpenAgeS: null }),
  }))
}

/** @param counted up to COUNTED_MAX + 1: there are more */
function countOrEstimate(counted: number, estimate: number): Count {
  if (counted <= COUNTED_MAX) return { count: counted, isEstimate: false }
  return { count: Math.max(Math.round(estimate), counted), isEstimate: true }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
