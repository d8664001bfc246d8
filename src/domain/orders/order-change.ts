import type { UserError } from '../errors.ts'
import type { StockMove } from '../stock/stock.ts'
import type { IfShort, Order } from './order.ts'
import type { EventLine } from './order-event.ts'
import type { OrderLine } from './order-line.ts'
import { assertMove, type Ending, type FailureReason, type OrderEventType, statusOf } from './order-status.ts'

/** What a verb makes of an order. */
export type OrderChange = {
  before: Order
  /** The same object as `before` where nothing of the order changed. */
  after: Order
  /** Null where nothing of the order changed. States, version, reason and time are those of `before` and `after`. */
  event: { type: OrderEventType; lines: readonly EventLine[] | null } | null
  /** In the order in which they are to be made. */
  moves: readonly StockMove[]
}

/** A verb that does nothing, and says why. */
export type Refusal = { refusal: UserError }

/** What changes of an order. What is left out stays as it is. */
type Changed = {
  lines: readonly OrderLine[]
  lookedAt?: boolean
  ending?: Ending
  failureReason?: FailureReason
  expiresAt?: Date | null
  ifShort?: IfShort
}

/**
 * Makes the next version of an order, whose status follows from what changed.
 *
 * @param changed `ending`: how the order ends, if nothing of it is open any more or was shipped
 * @throws {Error} if the event does not lead there, by the table: a bug in the caller
 */
export function nextVersion(order: Order, type: OrderEventType, changed: Changed, at: Date): Order {
  const { lines, lookedAt = order.lookedAt, ending = null, failureReason = null } = changed
  const { expiresAt = order.expiresAt, ifShort = order.ifShort } = changed
  const status = statusOf({ lines, lookedAt, ending })
  assertMove(type, order.status, status, failureReason)
  return {
    ...order,
    lines,
    status,
    failureReason,
    lookedAt,
    ending: status === ending ? ending : null,
    expiresAt,
    ifShort,
    version: order.version + 1,
    updatedAt: at,
  }
}

/** Changes those lines that quantities are of, each once with all of it. The others stay the same objects. */
export function changeLines(
  lines: readonly OrderLine[],
  quantities: readonly Quantity[],
  change: (line: OrderLine, qty: number) => OrderLine,
): OrderLine[] {
  const qtyOf = new Map<string, number>()
  for (const { sku, qty } of quantities) qtyOf.set(sku, (qtyOf.get(sku) ?? 0) + qty)
  return lines.map((line) => {
    const qty = qtyOf.get(line.sku)
    return qty === undefined ? line : change(line, qty)
  })
}

/** What an event says that it was about: null if that is every piece of the order. */
export function wholeOrPart(order: Order, part: readonly EventLine[]): readonly EventLine[] | null {
  return sumOf(part) === sumOf(order.lines) ? null : part
}

type Quantity = { sku: string; qty: number }

function sumOf(quantities: readonly Quantity[]): number {
  return quantities.reduce((sum, { qty }) => sum + qty, 0)
}
