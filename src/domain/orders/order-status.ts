import { type OrderLine, openOf } from './order-line.ts'

/**
 * The life of an order: the one place that lists its events, each with the states it leads from and to. States, failure
 * reasons, checks and the diagram in the documents come from here.
 *
 * A new event is a row here and a verb; a new state also a line of `statusOf`, and what `nextJob` brings it on by.
 */
export const ORDER_EVENTS = {
  OrderCreated: [{ from: null, to: ['PENDING'] }],
  OrderReserved: [
    { from: 'PENDING', to: ['RESERVED'] },
    // the same state while other lines are short
    { from: 'AWAITING_RESTOCK', to: ['RESERVED', 'AWAITING_RESTOCK'] },
    // what waits again of it
    { from: 'PARTIALLY_SHIPPED', to: ['PARTIALLY_SHIPPED'] },
  ],
  OrderAwaitingRestock: [{ from: 'PENDING', to: ['AWAITING_RESTOCK'] }],
  // a count found less than was promised
  OrderUnreserved: [
    { from: 'RESERVED', to: ['AWAITING_RESTOCK'] },
    { from: 'AWAITING_RESTOCK', to: ['AWAITING_RESTOCK'] },
    { from: 'PARTIALLY_SHIPPED', to: ['PARTIALLY_SHIPPED'] },
  ],
  OrderFailed: [
    { from: 'PENDING', to: ['FAILED'], reasons: ['OUT_OF_STOCK', 'INTERNAL_ERROR'] },
    {
      from: 'AWAITING_RESTOCK',
      to: ['FAILED'],
      reasons: [
        'SUPPLIER_REFUSED',
        'SUPPLIER_FAILED',
        'SUPPLIER_DELAYED',
        'SUPPLIER_UNREACHABLE',
        'INTERNAL_ERROR',
      ],
    },
  ],
  OrderReopened: [{ from: 'FAILED', to: ['PENDING'] }],
  OrderConfirmed: [
    { from: 'PENDING', to: ['PENDING'] },
    { from: 'AWAITING_RESTOCK', to: ['AWAITING_RESTOCK'] },
    { from: 'RESERVED', to: ['RESERVED'] },
  ],
  HoldExtended: [
    { from: 'PENDING', to: ['PENDING'] },
    { from: 'AWAITING_RESTOCK', to: ['AWAITING_RESTOCK'] },
    { from: 'RESERVED', to: ['RESERVED'] },
  ],
  OrderExpired: [
    { from: 'PENDING', to: ['EXPIRED'] },
    { from: 'AWAITING_RESTOCK', to: ['EXPIRED'] },
    { from: 'RESERVED', to: ['EXPIRED'] },
  ],
  OrderCancelled: [
    // the same state where only a part is cancelled
    { from: 'PENDING', to: ['CANCELLED', 'PENDING'] },
    { from: 'AWAITING_RESTOCK', to: ['CANCELLED', 'RESERVED', 'AWAITING_RESTOCK'] },
    { from: 'RESERVED', to: ['CANCELLED', 'RESERVED'] },
    { from: 'PARTIALLY_SHIPPED', to: ['SHIPPED', 'PARTIALLY_SHIPPED'] },
  ],
  OrderShipped: [
    { from: 'RESERVED', to: ['PARTIALLY_SHIPPED', 'SHIPPED'] },
    { from: 'PARTIALLY_SHIPPED', to: ['PARTIALLY_SHIPPED', 'SHIPPED'] },
  ],
  ShipmentUndone: [
    { from: 'PARTIALLY_SHIPPED', to: ['RESERVED', 'PARTIALLY_SHIPPED'] },
    { from: 'SHIPPED', to: ['RESERVED', 'PARTIALLY_SHIPPED'] },
  ],
  OrderReturned: [
    { from: 'PARTIALLY_SHIPPED', to: ['PARTIALLY_SHIPPED'] },
    { from: 'SHIPPED', to: ['SHIPPED'] },
  ],
} as const

type Move = (typeof ORDER_EVENTS)[OrderEventType][number]

export type OrderEventType = keyof typeof ORDER_EVENTS
export type OrderStatus = Move['to'][number]
export type FailureReason = Extract<Move, { reasons: unknown }>['reasons'][number]

/** How an order can end with nothing shipped. */
export type Ending = Extract<OrderStatus, 'CANCELLED' | 'EXPIRED' | 'FAILED'>

/** An event's moves, as loosely typed as a search wants them. */
type AnyMove = {
  from: OrderStatus | null
  to: readonly OrderStatus[]
  reasons?: readonly FailureReason[]
}

const EVENTS: readonly (readonly [OrderEventType, readonly AnyMove[]])[] = Object.entries(
  ORDER_EVENTS,
) as never
const MOVES = EVENTS.flatMap(([, moves]) => moves)

export const ORDER_EVENT_TYPES = unique(EVENTS.map(([type]) => type))
export const ORDER_STATUSES = unique(MOVES.flatMap(({ to }) => to))
export const FAILURE_REASONS = unique(MOVES.flatMap(({ reasons = [] }) => reasons))

/** What the status of an order follows from, beside its lines. */
export type StatusFacts = { lines: readonly OrderLine[]; lookedAt: boolean; ending: Ending | null }

/** The status of an order. It is never set in any other way. */
export function statusOf({ lines, lookedAt, ending }: StatusFacts): OrderStatus {
  let open = 0
  let reserved = 0
  let shipped = 0
  for (const line of lines) {
    open += openOf(line)
    reserved += line.reserved
    shipped += line.shipped
  }
  if (open === 0) {
    if (shipped > 0) return 'SHIPPED'
    if (ending === null) throw new Error('Nothing of an order is open or shipped, and it has not ended')
    return ending
  }
  if (shipped > 0) return 'PARTIALLY_SHIPPED'
  if (reserved === open) return 'RESERVED'
  return lookedAt ? 'AWAITING_RESTOCK' : 'PENDING'
}

/** Whether no job has to bring an order on from this state. Callers may: they ship, cancel and return. */
export function isFinal(status: OrderStatus): boolean {
  return status !== 'PENDING' && status !== 'AWAITING_RESTOCK'
}

/** Whether views end in this state. A view of a RESERVED or SHIPPED order stays open, because later events may follow. */
export function endsWatching(status: OrderStatus): boolean {
  return status === 'FAILED' || status === 'CANCELLED' || status === 'EXPIRED'
}

/**
 * Checks a move against the table.
 *
 * @param from the state the order is in, `null` before it exists
 * @param reason why it failed, of OrderFailed only
 * @throws {Error} for a move, or a reason, that the table does not have: a bug in the caller
 */
export function assertMove(
  type: OrderEventType,
  from: OrderStatus | null,
  to: OrderStatus,
  reason: FailureReason | null,
): void {
  const moves: readonly AnyMove[] = ORDER_EVENTS[type]
  const move = moves.find((move) => move.from === from && move.to.includes(to))
  if (!move) throw new Error(`${type} does not lead from ${from ?? 'nothing'} to ${to}`)
  const isReasonAllowed = reason === null ? !move.reasons : move.reasons?.includes(reason)
  if (!isReasonAllowed) throw new Error(`${type} from ${from ?? 'nothing'} cannot have the reason ${reason}`)
}

function unique<Value>(values: readonly Value[]): [Value, ...Value[]] {
  return [...new Set(values)] as [Value, ...Value[]]
}
