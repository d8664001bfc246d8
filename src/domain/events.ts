import type { DeadLetter } from './dead-letter.ts'
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
  /** Of an order that waits for its supplier no longer: since when it did. */
  awaitingSince?: Date | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
