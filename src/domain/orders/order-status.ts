/**
 * The life of an order: the one place that lists its states and what may follow what.
 *
 *     PENDING ──────────────► RESERVED              stock sufficed
 *        └──► AWAITING_RESTOCK ──► RESERVED         the supplier delivered
 *                              └─► FAILED
 *     PENDING ─► FAILED                             the reservation used up its tries
 *     FAILED ──► PENDING                            an operator retries its dead letter
 *
 * A new state is a row here with its event, and a job in `nextJob`.
 */
export const TRANSITIONS = [
  { from: null, to: 'PENDING', event: 'OrderCreated', reasons: [] },
  { from: 'PENDING', to: 'RESERVED', event: 'OrderReserved', reasons: [] },
  { from: 'PENDING', to: 'AWAITING_RESTOCK', event: 'OrderAwaitingRestock', reasons: [] },
  { from: 'PENDING', to: 'FAILED', event: 'OrderFailed', reasons: ['INTERNAL_ERROR'] },
  { from: 'AWAITING_RESTOCK', to: 'RESERVED', event: 'OrderReserved', reasons: [] },
  {
    from: 'AWAITING_RESTOCK',
    to: 'FAILED',
    event: 'OrderFailed',
    reasons: [
      'SUPPLIER_REFUSED',
      'SUPPLIER_FAILED',
      'SUPPLIER_DELAYED',
      'SUPPLIER_UNREACHABLE',
      'INTERNAL_ERROR',
    ],
  },
  { from: 'FAILED', to: 'PENDING', event: 'OrderReopened', reasons: [] },
] as const

type TransitionRow = (typeof TRANSITIONS)[number]

export type OrderStatus = TransitionRow['to']
export type OrderEventType = TransitionRow['event']
export type FailureReason = TransitionRow['reasons'][number]

export const ORDER_STATUSES = unique(TRANSITIONS.map((row) => row.to))
export const ORDER_EVENT_TYPES = unique(TRANSITIONS.map((row) => row.event))
export const FAILURE_REASONS = unique(TRANSITIONS.flatMap((row): readonly FailureReason[] => row.reasons))

/** Whether no job changes an order in this state. */
export function isFinal(status: OrderStatus): boolean {
  return status === 'RESERVED' || status === 'FAILED'
}

/** Whether views end in this state. A view of a RESERVED order stays open, because later states may follow. */
export function endsWatching(status: OrderStatus): boolean {
  return status === 'FAILED'
}

/**
 * Returns the event of an allowed transition.
 *
 * @param from the order's state, `null` before it exists
 * @param reason why it failed, for a transition to FAILED only
 * @throws {Error} if the table has no such transition, or not with this reason: a bug in the caller
 */
export function eventOf(
  from: OrderStatus | null,
  to: OrderStatus,
  reason: FailureReason | null,
): OrderEventType {
  const row = TRANSITIONS.find((row) => row.from === from && row.to === to)
  if (!row) throw new Error(`No transition leads from ${from ?? 'nothing'} to ${to}`)
  const reasons: readonly string[] = row.reasons
  const isReasonAllowed = reason === null ? reasons.length === 0 : reasons.includes(reason)
  if (!isReasonAllowed) throw new Error(`${from ?? 'nothing'} to ${to} cannot have the reason ${reason}`)
  return row.event
}

function unique<Value>(values: readonly Value[]): [Value, ...Value[]] {
  return [...new Set(values)] as [Value, ...Value[]]
}
