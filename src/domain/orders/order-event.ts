import type { Origin } from '../origin.ts'
import type { DeadLetter } from '../upkeep/dead-letter.ts'
import type { JobTry } from '../upkeep/jobs.ts'
import type { Order } from './order.ts'
import type { OrderEventType, OrderStatus } from './order-status.ts'

/** A quantity that an event was about. */
export type EventLine = {
  sku: string
  qty: number
  /** The pieces that a short line lacked. */
  missing?: number
  location?: string
}

/** One change of one order: the state that it left, and the order as it stands after it. */
export type OrderEvent = {
  type: OrderEventType
  from: OrderStatus | null
  /** What it was about; null for the whole order. */
  lines: readonly EventLine[] | null
  order: Order
  /** The caller who asked for it; null if nobody did. */
  actor: string | null
  note: string | null
  /** Where the work comes from that moved it, where that is known. */
  origin: Origin | undefined
  /** The run of a job that moved it; undefined where a caller did. */
  job?: JobTry | undefined
  /** What an order that was given up leaves for an operator. */
  deadLetter?: DeadLetter | undefined
}
