import type { Allocation } from '../../stock/allocation.ts'
import { pick, smallestFirst } from '../../stock/held.ts'
import { stockMove } from '../../stock/stock.ts'
import type { Order } from '../order.ts'
import { changeLines, nextVersion, type OrderChange, type Refusal, wholeOrPart } from '../order-change.ts'
import { type OrderLine, openOf, waitingOf } from '../order-line.ts'
import { type Expectation, refuseExcesses, refuseLines, refuseStale, refuseState } from './refusals.ts'

/** What to cancel. `lines`: null for all that is not shipped. */
export type Cancellation = Expectation & { lines: readonly { sku: string; qty: number }[] | null }

/**
 * Cancels an order, or a part of it. Of a line what waits goes first, then what is reserved, which is released.
 *
 * @param held where the order's stock is held
 * @returns the order as it is, if all of it is asked for and it ended before
 */
export function cancel(
  order: Order,
  held: readonly Allocation[],
  asked: Cancellation,
  at: Date,
): OrderChange | Refusal {
  const refusal = refuseStale(order, asked) ?? refuseCancellation(order, asked)
  if (refusal) return refusal
  if (asked.lines === null && order.ending !== null)
    return { before: order, after: order, event: null, moves: [] }
  const cancelled = asked.lines ?? openLines(order)
  const lines = changeLines(order.lines, cancelled, (line, qty) => {
    return { ...line, reserved: line.reserved - releasedOf(line, qty), cancelled: line.cancelled + qty }
  })
  const after = nextVersion(order, 'OrderCancelled', { lines, ending: 'CANCELLED' }, at)
  const released = order.lines.flatMap((line, index) => {
    const qty = line.reserved - lines[index]!.reserved
    return qty === 0 ? [] : pick(smallestFirst(held.filter(({ sku }) => sku === line.sku)), qty)
  })
  const cause = { orderId: order.id, version: after.version }
  return {
    before: order,
    after,
    event: { type: 'OrderCancelled', lines: wholeOrPart(order, cancelled) },
    moves: released.map((allocation) => stockMove('RELEASE', allocation, cause)),
  }
}

function refuseCancellation(order: Order, { lines }: Cancellation): Refusal | undefined {
  if (lines !== null) return refuseLines(lines) ?? refuseExcesses(order, lines, openOf)
  return order.status === 'SHIPPED'
    ? refuseState(order, 'nothing of it can be cancelled any more')
    : undefined
}

function openLines({ lines }: Order): { sku: string; qty: number }[] {
  return lines.map((line) => ({ sku: line.sku, qty: openOf(line) })).filter(({ qty }) => qty > 0)
}

/** How many of the pieces that are cancelled of a line were reserved. */
function releasedOf(line: OrderLine, cancelled: number): number {
  return Math.max(0, cancelled - waitingOf(line))
}
