import type { DeadLetter } from './dead-letter.ts'
import type { JobUnderWay } from './jobs.ts'
import type { Order } from './order.ts'
import type { FailureReason, OrderEventType, OrderStatus } from './order-status.ts'
import type { Origin } from './origin.ts'

/** One transition of one order, with the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  version: number
  at: Date
  order: Order
  /** Where the work comes from that moved it, where that is known. */
  origin: Origin | undefined
  /** The job that moved it; undefined where a caller did. */
  job?: JobUnderWay | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
