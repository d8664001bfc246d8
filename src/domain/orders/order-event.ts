import type { Origin } from '../origin.ts'
import type { DeadLetter } from '../upkeep/dead-letter.ts'
import type { JobTry } from '../upkeep/jobs.ts'
import type { Order } from './order.ts'
import type { OrderEventType, OrderStatus } from './order-status.ts'

/** One transition of one order: the state that it left, and the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  order: Order
  /** Where the work comes from that moved it, where that is known. */
  origin: Origin | undefined
  /** The run of a job that moved it; undefined where a caller did. */
  job?: JobTry | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
