import { describe, expect, test } from 'vitest'
import {
  eventOf,
  FAILURE_REASONS,
  type FailureReason,
  isFinal,
  ORDER_STATUSES,
  type OrderStatus,
} from '../../../src/domain/orders/order-status.ts'

// the table of the design, written out a second time: the code's own must say the same of every pair
const SUPPLIER_REASONS = ['SUPPLIER_REFUSED', 'SUPPLIER_FAILED', 'SUPPLIER_DELAYED', 'SUPPLIER_UNREACHABLE']
const ALLOWED: Record<string, { event: string; reasons: (string | null)[] }> = {
  'null → PENDING': { event: 'OrderCreated', reasons: [null] },
  'PENDING → RESERVED': { event: 'OrderReserved', reasons: [null] },
  'PENDING → AWAITING_RESTOCK': { event: 'OrderAwaitingRestock', reasons: [null] },
  'PENDING → FAILED': { event: 'OrderFailed', reasons: ['INTERNAL_ERROR'] },
  'AWAITING_RESTOCK → RESERVED': { event: 'OrderReserved', reasons: [null] },
  'AWAITING_RESTOCK → FAILED': { event: 'OrderFailed', reasons: [...SUPPLIER_REASONS, 'INTERNAL_ERROR'] },
  'FAILED → PENDING': { event: 'OrderReopened', reasons: [null] },
}

const starts: (OrderStatus | null)[] = [null, ...ORDER_STATUSES]
const triples = starts.flatMap((from) =>
  ORDER_STATUSES.flatMap((to) => [null, ...FAILURE_REASONS].map((reason) => ({ from, to, reason }))),
)

describe('the transition table', () => {
  test('knows the four states and five reasons of the design', () => {
    expect([...ORDER_STATUSES].sort()).toEqual(['AWAITING_RESTOCK', 'FAILED', 'PENDING', 'RESERVED'])
    expect([...FAILURE_REASONS].sort()).toEqual(['INTERNAL_ERROR', ...SUPPLIER_REASONS].sort())
  })

  test.each(triples)('$from → $to ($reason) is as the design says', ({ from, to, reason }) => {
    const row = ALLOWED[`${from} → ${to}`]
    const run = () => eventOf(from, to, reason as FailureReason | null)
    if (row?.reasons.includes(reason)) expect(run()).toBe(row.event)
    else expect(run).toThrow()
  })

  test('ends in RESERVED or FAILED', () => {
    expect(ORDER_STATUSES.filter(isFinal).sort()).toEqual(['FAILED', 'RESERVED'])
  })
})
