import { expect, test } from 'vitest'
import type { OrderLine } from '../../../src/domain/orders/order-line.ts'
import {
  assertMove,
  type Ending,
  endsWatching,
  FAILURE_REASONS,
  isFinal,
  ORDER_EVENT_TYPES,
  ORDER_STATUSES,
  type OrderEventType,
  type OrderStatus,
  statusOf,
} from '../../../src/domain/orders/order-status.ts'
import { MOVEMENT_TYPES } from '../../../src/domain/stock/stock.ts'
import { sharedTest } from '../../support/fixtures.ts'

/** Every move that is allowed, found by asking for each. */
const MOVES = ORDER_EVENT_TYPES.flatMap((type) =>
  [null, ...ORDER_STATUSES].flatMap((from) =>
    ORDER_STATUSES.flatMap((to) =>
      [null, ...FAILURE_REASONS].flatMap((reason) =>
        isAllowed(type, from, to, reason) ? [{ type, from, to, reason }] : [],
      ),
    ),
  ),
)

function isAllowed(...move: Parameters<typeof assertMove>): boolean {
  try {
    assertMove(...move)
    return true
  } catch {
    return false
  }
}

/** The states that an order can come to from this one. */
function reachableFrom(start: OrderStatus, isCounted: (type: OrderEventType) => boolean): Set<OrderStatus> {
  const reached = new Set([start])
  for (const status of reached)
    for (const { from, to, type } of MOVES) if (from === status && isCounted(type)) reached.add(to)
  return reached
}

test('an order begins PENDING, and can come to every state', () => {
  expect(MOVES.filter(({ from }) => from === null)).toEqual([
    { type: 'OrderCreated', from: null, to: 'PENDING', reason: null },
  ])
  expect(reachableFrom('PENDING', () => true)).toEqual(new Set(ORDER_STATUSES))
})

test('jobs bring an order to RESERVED or FAILED, and no further', () => {
  const ofJobs = new Set<OrderEventType>(['OrderReserved', 'OrderAwaitingRestock', 'OrderFailed'])
  for (const status of ORDER_STATUSES) {
    const ends = [...reachableFrom(status, (type) => ofJobs.has(type))].filter(isFinal).sort()
    expect(ends, status).toEqual(isFinal(status) ? [status] : ['FAILED', 'RESERVED'])
  }
})

test('an order whose watching ends can only be opened again', () => {
  for (const status of ORDER_STATUSES.filter(endsWatching)) {
    const others = MOVES.filter(({ from, type }) => from === status && type !== 'OrderReopened')
    expect(others, status).toEqual([])
  }
  expect(ORDER_STATUSES.filter(endsWatching)).toEqual(['FAILED', 'EXPIRED', 'CANCELLED'])
})

test('a failed order alone can be opened again, to be reserved from the start', () => {
  expect(MOVES.filter(({ type }) => type === 'OrderReopened')).toEqual([
    { type: 'OrderReopened', from: 'FAILED', to: 'PENDING', reason: null },
  ])
})

test('a failure has a reason, and nothing else has; the supplier is to blame only where it was asked', () => {
  for (const { from, to, reason } of MOVES) {
    expect(reason === null, `${from} → ${to}`).toBe(to !== 'FAILED')
    if (reason?.startsWith('SUPPLIER_')) expect(from).toBe('AWAITING_RESTOCK')
  }
  expect(new Set(MOVES.flatMap(({ reason }) => reason ?? []))).toEqual(new Set(FAILURE_REASONS))
})

test.each([
  ['OrderReopened', 'RESERVED', 'PENDING', null, 'OrderReopened does not lead from RESERVED to PENDING'],
  ['OrderReserved', null, 'RESERVED', null, 'OrderReserved does not lead from nothing to RESERVED'],
  ['OrderFailed', 'PENDING', 'FAILED', 'SUPPLIER_REFUSED', 'cannot have the reason SUPPLIER_REFUSED'],
  ['OrderFailed', 'AWAITING_RESTOCK', 'FAILED', null, 'cannot have the reason null'],
  ['OrderShipped', 'RESERVED', 'SHIPPED', 'INTERNAL_ERROR', 'cannot have the reason INTERNAL_ERROR'],
] as const)('%s from %s to %s (%s) is refused by its name', (type, from, to, reason, message) => {
  expect(() => assertMove(type, from, to, reason)).toThrow(message)
})

/** A line by its reserved, waiting, shipped and cancelled pieces. */
function line(reserved: number, waiting: number, shipped: number, cancelled: number): OrderLine {
  const qty = reserved + waiting + shipped + cancelled
  return { sku: 'A', qty, reserved, shipped, cancelled, returned: 0 }
}

test.each<[OrderStatus, OrderLine[], lookedAt: boolean, Ending | null]>([
  ['PENDING', [line(0, 2, 0, 0)], false, null],
  ['PENDING', [line(0, 2, 0, 1), line(0, 0, 0, 1)], false, null],
  ['AWAITING_RESTOCK', [line(0, 2, 0, 0), line(1, 0, 0, 0)], true, null],
  ['RESERVED', [line(2, 0, 0, 0), line(1, 0, 0, 0)], false, null],
  ['RESERVED', [line(2, 0, 0, 0), line(0, 0, 0, 1)], true, null],
  ['PARTIALLY_SHIPPED', [line(1, 0, 1, 0)], false, null],
  ['PARTIALLY_SHIPPED', [line(0, 0, 2, 0), line(1, 0, 0, 0)], true, null],
  ['SHIPPED', [line(0, 0, 2, 0), line(0, 0, 1, 0)], false, null],
  ['SHIPPED', [line(0, 0, 1, 1), line(0, 0, 0, 1)], false, 'CANCELLED'],
  ['CANCELLED', [line(0, 0, 0, 2)], true, 'CANCELLED'],
  ['FAILED', [line(0, 0, 0, 2), line(0, 0, 0, 1)], true, 'FAILED'],
])('the status is %s of %j, looked at: %s, ending: %s', (status, lines, lookedAt, ending) => {
  expect(statusOf({ lines, lookedAt, ending })).toBe(status)
})

test('an order of which nothing is open or shipped has ended', () => {
  expect(() => statusOf({ lines: [line(0, 0, 0, 2)], lookedAt: false, ending: null })).toThrow(
    'it has not ended',
  )
})

sharedTest('the database knows the same states, reasons, events and movements', async ({ app }) => {
  const { rows } = await app.pool.query(
    `select enum_range(null::order_status)::text[] as statuses, enum_range(null::failure_reason)::text[] as reasons,
      enum_range(null::order_event_type)::text[] as events, enum_range(null::movement_type)::text[] as movements`,
  )
  const { statuses, reasons, events, movements } = rows[0]
  expect([statuses, reasons, events, movements].map((names) => names.toSorted())).toEqual(
    [ORDER_STATUSES, FAILURE_REASONS, ORDER_EVENT_TYPES, MOVEMENT_TYPES].map((names) => names.toSorted()),
  )
})
