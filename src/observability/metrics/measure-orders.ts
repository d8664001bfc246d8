import { AsyncLocalStorage } from 'node:async_hooks'
import type pg from 'pg'
import type { Logger } from 'pino'
import { Counter, Histogram, type Registry } from 'prom-client'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import {
  type FailureReason,
  isFinal,
  ORDER_EVENTS,
  type OrderStatus,
} from '../../domain/orders/order-status.ts'
import { JOB_TASKS } from '../../domain/upkeep/jobs.ts'
import { findWaitStarts } from '../../sql/orders/find-events.ts'

/**
 * From a reservation from stock (milliseconds) to a supplier's last re-check and the last try of a job. The bounds 20, 40 and
 * 60 separate the answers of a supplier that is asked after 15, 30 and 45 s.
 */
const SETTLING_BUCKETS_S = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 900, 1_800, 3_600,
]

/** Failures of orders without a final answer from the supplier. */
const UNANSWERED: readonly (FailureReason | null)[] = ['SUPPLIER_UNREACHABLE', 'INTERNAL_ERROR']

type Way = { from: OrderStatus | null; to: OrderStatus; reason: FailureReason | null }
type Move = { from: OrderStatus | null; to: readonly OrderStatus[]; reasons?: readonly FailureReason[] }

/** Every way that an order can go. */
const WAYS = Object.values(ORDER_EVENTS).flatMap((moves: readonly Move[]) =>
  moves.flatMap(({ from, to, reasons = [null] }) =>
    to.flatMap((to) => reasons.map((reason): Way => ({ from, to, reason }))),
  ),
)

export function measureOrders(
  registry: Registry,
  pool: pg.Pool,
  logger: Logger,
): (events: readonly OrderEvent[]) => void {
  const registers = [registry]
  const transitions = new Counter({
    name: 'holdfast_order_transitions_total',
    help: 'Order transitions committed by this process. from is empty for a new order, reason is empty unless it failed',
    labelNames: ['from', 'to', 'reason'],
    registers,
  })
  const settling = new Histogram({
    name: 'holdfast_order_settling_seconds',
    help: 'Time from the creation of an order to its final state',
    labelNames: ['to'],
    buckets: SETTLING_BUCKETS_S,
    registers,
  })
  const supplierSettling = new Histogram({
    name: 'holdfast_supplier_settling_seconds',
    help: 'Time from the start of waiting for the supplier to its final answer',
    labelNames: ['to'],
    buckets: SETTLING_BUCKETS_S,
    registers,
  })
  const deadLetters = new Counter({
    name: 'holdfast_dead_letters_total',
    help: 'Jobs given up: their orders failed, each with a dead letter',
    labelNames: ['task'],
    registers,
  })

  // before the first failure a share of failures is 0, not unknown, and an alert on an increase sees the first
  for (const { from, to, reason } of WAYS) {
    transitions.inc({ from: from ?? '', to, reason: reason ?? '' }, 0)
  }
  for (const to of ['RESERVED', 'FAILED'] satisfies OrderStatus[]) {
    settling.zero({ to })
    supplierSettling.zero({ to })
  }
  for (const task of JOB_TASKS) deadLetters.inc({ task }, 0)

  const count = ({ from, order: { status, failureReason } }: OrderEvent, times: number) =>
    transitions.inc({ from: from ?? '', to: status, reason: failureReason ?? '' }, times)

  // apart from the work: in no trace, and an error costs only this figure
  const timeAnswers = AsyncLocalStorage.bind(async (answered: OrderEvent[]) => {
    try {
      const starts = await findWaitStarts(
        pool,
        answered.map(({ order }) => order.id),
      )
      for (const { order } of answered) {
        const since = starts.get(order.id)
        if (since) supplierSettling.observe({ to: order.status }, secondsBetween(since, order.updatedAt))
      }
    } catch (error) {
      logger.debug({ err: error }, 'waiting time for the supplier not read')
    }
  })

  return (events) => {
    const answered = events.filter(isAnswered)
    if (answered.length > 0) void timeAnswers(answered)
    // hundreds of events come together, equal transitions in a row: one increment for each transition
    let first: OrderEvent | undefined
    let times = 0
    for (const event of events) {
      if (first && isSameWay(first, event)) times++
      else {
        if (first) count(first, times)
        first = event
        times = 1
      }
      const { order, deadLetter } = event
      const { status: to, createdAt, updatedAt } = order
      if (isSettled(event)) settling.observe({ to }, secondsBetween(createdAt, updatedAt))
      if (deadLetter) deadLetters.inc({ task: deadLetter.task })
    }
    if (first) count(first, times)
  }
}

/** Never negative: two processes with different clocks may have written the times, and a falling sum looks like a restart. */
function secondsBetween(from: Date, to: Date): number {
  return Math.max(0, to.getTime() - from.getTime()) / 1_000
}

/** Whether Holdfast has brought an order as far as it does by itself. What callers do is no part of it, nor what follows that. */
function isSettled({ type, from, order }: OrderEvent): boolean {
  const isOfHoldfast = (type === 'OrderReserved' || type === 'OrderFailed') && from !== 'PARTIALLY_SHIPPED'
  return isOfHoldfast && isFinal(order.status)
}

/** Whether a supplier's answer has settled an order. Stock that came meanwhile is none. */
function isAnswered(event: OrderEvent): boolean {
  if (event.job?.task === 'serve-waiting') return false
  return (
    event.from === 'AWAITING_RESTOCK' && isSettled(event) && !UNANSWERED.includes(event.order.failureReason)
  )
}

function isSameWay(one: OrderEvent, other: OrderEvent): boolean {
  return (
    one.from === other.from &&
    one.order.status === other.order.status &&
    one.order.failureReason === other.order.failureReason
  )
}
