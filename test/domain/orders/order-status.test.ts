import { expect, test } from 'vitest'
import {
  eventOf,
  FAILURE_REASONS,
  type FailureReason,
  isFinal,
  ORDER_EVENT_TYPES,
  ORDER_STATUSES,
  type OrderEventType,
  type OrderStatus,
} from '../../../src/domain/orders/order-status.ts'
import { sharedTest } from '../../support/fixtures.ts'

type Move = {
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  event: OrderEventType
}

/** Every move that is allowed, found by asking for each. */
const MOVES: Move[] = [null, ...ORDER_STATUSES].flatMap((from) =>
  ORDER_STATUSES.flatMap((to) => [null, ...FAILURE_REASONS].flatMap((reason) => tryMove(from, to, reason))),
)

function tryMove(from: OrderStatus | null, to: OrderStatus, reason: FailureReason | null): Move[] {
  try {
    return [{ from, to, reason, event: eventOf(from, to, reason) }]
  } catch {
    return []
  }
}

/** The states that an order can come to from this one, without being created or opened again. */
function reachableFrom(start: OrderStatus): Set<OrderStatus> {
  const reached = new Set([start])
  for (const status of reached)
    for (const { from, to, event } of MOVES) if (from === status && event !== 'OrderReopened') reached.add(to)
  return reached
}

test('an order begins PENDING, and can come to every state', () => {
  expect(MOVES.filter(({ from }) => from === null)).toEqual([
    { from: null, to: 'PENDING', reason: null, event: 'OrderCreated' },
  ])
  expect(reachableFrom('PENDING')).toEqual(new Set(ORDER_STATUSES))
})

test('from each state that is not final both ends can be reached, and from a final one no other', () => {
  for (const status of ORDER_STATUSES) {
    const ends = [...reachableFrom(status)].filter(isFinal).sort()
    expect(ends, status).toEqual(isFinal(status) ? [status] : ['FAILED', 'RESERVED'])
  }
})

test('a failed order alone can be opened again, to be reserved from the start', () => {
  expect(MOVES.filter(({ event }) => event === 'OrderReopened')).toEqual([
    { from: 'FAILED', to: 'PENDING', reason: null, event: 'OrderReopened' },
  ])
})

test('a failure has a reason, and nothing else has; the supplier is to blame only where it was asked', () => {
  for (const { from, to, reason } of MOVES) {
    expect(reason === null, `${from} → ${to}`).toBe(to !== 'FAILED')
    if (reason?.startsWith('SUPPLIER_')) expect(from).toBe('AWAITING_RESTOCK')
  }
  expect(new Set(MOVES.flatMap(({ reason }) => reason ?? []))).toEqual(new Set(FAILURE_REASONS))
})

test('an event says which state its order came to', () => {
  for (const [event, moves] of Map.groupBy(MOVES, ({ event }) => event))
    expect(new Set(moves.map(({ to }) => to)).size, event).toBe(1)
})

test.each([
  ['RESERVED', 'PENDING', null, 'No transition leads from RESERVED to PENDING'],
  [null, 'RESERVED', null, 'No transition leads from nothing to RESERVED'],
  ['PENDING', 'FAILED', 'SUPPLIER_REFUSED', 'PENDING to FAILED cannot have the reason SUPPLIER_REFUSED'],
  ['AWAITING_RESTOCK', 'FAILED', null, 'AWAITING_RESTOCK to FAILED cannot have the reason null'],
] as const)('a move from %s to %s (%s) is refused by its name', (from, to, reason, message) => {
  expect(() => eventOf(from, to, reason)).toThrow(message)
})

sharedTest('the database knows the same states, reasons and events', async ({ app }) => {
  const { rows } = await app.pool.query(
    `select enum_range(null::order_status)::text[] as statuses, enum_range(null::failure_reason)::text[] as reasons,
      enum_range(null::order_event_type)::text[] as events`,
  )
  const { statuses, reasons, events } = rows[0]
  expect([statuses, reasons, events].map((names) => names.toSorted())).toEqual(
    [ORDER_STATUSES, FAILURE_REASONS, ORDER_EVENT_TYPES].map((names) => names.toSorted()),
  )
})
