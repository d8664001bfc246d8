import { isFinal, ORDER_STATUSES, type OrderStatus } from '../orders/order-status.ts'
import { JOB_TASKS } from './jobs.ts'

/** From best to worst. A half-open circuit lets one call through, an open one none. */
const CIRCUIT_STATES = ['closed', 'half-open', 'open'] as const
export type CircuitState = (typeof CIRCUIT_STATES)[number]

/** What a worker reports with each heartbeat. */
export type WorkerReport = {
  /** The supplier's circuit; null without a supplier. */
  circuit: CircuitState | null
  /** How many jobs of each task it has fetched and not finished. */
  jobsHeld: Record<string, number>
}

/** Counts stop here, so that reading the status costs the same however much there is. */
export const COUNTED_MAX = 10_000

/** The newest orders, which tell how fast they come and what becomes of them: enough for a share of 1 %, and a read of 1 ms. */
export const NEWEST_MAX = 1_000

/** Over which the pace of orders is told, unless NEWEST_MAX come in less. */
export const PACE_WINDOW_S = 60

/** A number: exact up to COUNTED_MAX, an estimate beyond. */
export type Count = { count: number; isEstimate: boolean }

export type TaskQueue = {
  task: string
  /** Jobs that wait for a worker. */
  ready: Count
  /** Jobs that are due later. */
  scheduled: Count
  /** Jobs that workers hold, by their last heartbeat: in flight or fetched ahead. */
  held: number
  /** How long the oldest ready job has waited; null if there is none among the counted jobs. */
  oldestReadyAgeS: number | null
}

export type WorkerStatus = {
  id: string
  startedAt: Date
  lastBeatAt: Date
  /** How long ago that was, by the database's clock. */
  silentS: number
  isAlive: boolean
  circuit: CircuitState | null
  /** What it held of each task at its last heartbeat: in flight or fetched ahead. */
  jobsHeld: { task: string; count: number }[]
}

export type OrderCount = {
  status: OrderStatus
  count: Count
  /** How many of the newest orders are in it. */
  ofNewest: number
  /** Age of the oldest order; null without one, and for final states. */
  oldestOpenAgeS: number | null
}

export type ServiceStatus = {
  queue: TaskQueue[]
  workers: WorkerStatus[]
  openDeadLetters: Count
  orders: OrderCount[]
  /** How many orders were placed in a second, of late. */
  ordersPerS: number
  /** Items that are low, by their rules. */
  lowItems: Count
  holds: {
    open: Count
    /** For how long the first to expire is past its time; 0 if none is. */
    overdueS: number
  }
  /** How long ago a supplier was asked for the oldest order that it has not given its last answer for; null without one. */
  oldestRequestAgeS: number | null
  /** For how long the queue of a SKU has been served without a pause; 0 while none is. */
  oldestMarkAgeS: number
}

/** What the database says for it. No count goes beyond COUNTED_MAX + 1. */
export type StatusReading = {
  ready: { task: string; count: number; oldestAgeS: number }[]
  scheduled: { task: string; count: number }[]
  workers: (WorkerReport & { id: string; startedAt: Date; lastBeatAt: Date; silentMs: number })[]
  deadLetters: { count: number; estimate: number }
  orders: { status: OrderStatus; count: number; oldestAgeS: number }[]
  /** Of the newest orders: how many there are, how many of them came within the window, and how old the last of them is. */
  newest: { count: number; inWindow: number; oldestAgeS: number | null }
  newestByStatus: Partial<Record<OrderStatus, number>>
  lowItems: { count: number; estimate: number }
  /** `overdueS`: below 0 if none has expired, null without one. */
  holds: { count: number; estimate: number; overdueS: number | null }
  oldestRequestAgeS: number | null
  /** Null while no queue is being served. */
  oldestMarkAgeS: number | null
  /** Of all orders. Below zero it is none. */
  ordersEstimate: number
  /** The share of each state among all orders, as far as statistics know it. */
  orderShares: Partial<Record<OrderStatus, number>>
}

/** Interprets a reading. @param silenceMaxMs a worker is alive if its last heartbeat is not older */
export function interpretStatus(reading: StatusReading, silenceMaxMs: number): ServiceStatus {
  return {
    queue: JOB_TASKS.map((task) => queueOf(task, reading)),
    workers: reading.workers.map(({ silentMs, jobsHeld, ...worker }) => ({
      ...worker,
      silentS: Math.max(silentMs, 0) / 1_000,
      isAlive: silentMs <= silenceMaxMs,
      jobsHeld: Object.entries(jobsHeld).flatMap(([task, count]) => (count > 0 ? [{ task, count }] : [])),
    })),
    openDeadLetters: countOrEstimate(reading.deadLetters.count, reading.deadLetters.estimate),
    orders: countOrders(reading),
    ordersPerS: paceOf(reading.newest),
    lowItems: countOrEstimate(reading.lowItems.count, reading.lowItems.estimate),
    holds: {
      open: countOrEstimate(reading.holds.count, reading.holds.estimate),
      overdueS: Math.max(reading.holds.overdueS ?? 0, 0),
    },
    oldestRequestAgeS: reading.oldestRequestAgeS === null ? null : Math.max(reading.oldestRequestAgeS, 0),
    oldestMarkAgeS: reading.oldestMarkAgeS ?? 0,
  }
}

/** Returns the worst circuit state of all live workers; null if none reports one. */
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

/** In a longer queue only the first jobs of all tasks together are counted, so each count is a minimum. */
function countJobs(rows: readonly { task: string; count: number }[], task: string): Count {
  const counted = sum(rows.map(({ count }) => count))
  return { count: rows.find((row) => row.task === task)?.count ?? 0, isEstimate: counted > COUNTED_MAX }
}

function countOrders({ orders, newestByStatus, ordersEstimate, orderShares }: StatusReading): OrderCount[] {
  const listed = new Map(orders.map((order) => [order.status, order]))
  return ORDER_STATUSES.map((status) => {
    const { count, oldestAgeS } = listed.get(status)!
    const estimate = ordersEstimate * (orderShares[status] ?? 0)
    // the clock of the process that created it may be ahead of the database's
    const oldestOpenAgeS = count > 0 && !isFinal(status) ? Math.max(oldestAgeS, 0) : null
    const ofNewest = newestByStatus[status] ?? 0
    return { status, count: countOrEstimate(count, estimate), ofNewest, oldestOpenAgeS }
  })
}

/** Where more come than are read, the time in which these came tells the pace. */
function paceOf({ count, inWindow, oldestAgeS }: StatusReading['newest']): number {
  if (oldestAgeS === null || inWindow < NEWEST_MAX) return inWindow / PACE_WINDOW_S
  // of a clock that is ahead, or of one commit
  return count / Math.max(oldestAgeS, 0.001)
}

/** @param counted COUNTED_MAX + 1 means that there are more */
function countOrEstimate(counted: number, estimate: number): Count {
  if (counted <= COUNTED_MAX) return { count: counted, isEstimate: false }
  return { count: Math.max(Math.round(estimate), counted), isEstimate: true }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
