import type { Origin } from '../origin.ts'
import type { DeadLetter } from '../upkeep/dead-letter.ts'
import type { JobTry } from '../upkeep/jobs.ts'
import type { Order } from './order.ts'
import type { FailureReason, OrderEventType, OrderStatus } from './order-status.ts'

/** One transition of one order, with the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  version: number
  at: Date
  order: Order
  /** The origin of the work that caused it, if known. */
  origin: Origin | undefined
  /** The run of the job that caused it; undefined if a caller did. */
  job?: JobTry | undefined
  /** The dead letter, if the order was given up. */
  deadLetter?: DeadLetter | undefined
}
