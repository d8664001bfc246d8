/**
 * The life of an order: the one place that lists its states and what may follow what.
 *
 *     PENDING ──────────────► RESERVED              stock sufficed
 *        └──► AWAITING_RESTOCK ──► RESERVED         the supplier delivered
 *                              └─► FAILED
 *     PENDING ─► FAILED                             reserving itself used up its attempts
 *     FAILED ──► PENDING                            an operator replays it
 *
 * A new state is a row here, its event, and what `nextJob` brings it on by.
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

type Transition = (typeof TRANSITIONS)[number]

export type OrderStatus = Transition['to']
export type OrderEventType = Transition['event']
export type FailureReason = Transition['reasons'][number]

export const ORDER_STATUSES = unique(TRANSITIONS.map((row) => row.to))
export const ORDER_EVENT_TYPES = unique(TRANSITIONS.map((row) => row.event))
export const FAILURE_REASONS = unique(TRANSITIONS.flatMap((row): readonly FailureReason[] => row.reasons))

/** Whether an order in this state goes no further by itself. */
export function isFinal(status: OrderStatus): boolean {
  return status === 'RESERVED' || status === 'FAILED'
}

/** Whether a watcher has nothing more to wait for. A reserved order stays open: later states may follow. */
export function endsWatching(status: OrderStatus): boolean {
  return status === 'FAILED'
}

/**
 * The event of a transition that the table allows.
 *
 * @param from the state the order is in, `null` before it exists
 * @param reason why it failed, on the way to FAILED only
 * @throws {Error} for a pair, or a reason, that the table does not have: a bug in the caller
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
