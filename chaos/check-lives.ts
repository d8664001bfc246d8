import type { FinalOrder } from './checks.ts'
import type { Findings } from './findings.ts'

/** The ways that an order may go, all of them. Written out here a second time: the code's own table is under test. */
const LIVES: Record<string, readonly (string | null)[]> = {
  'PENDING RESERVED': [null],
  'PENDING FAILED': ['INTERNAL_ERROR'],
  'PENDING AWAITING_RESTOCK RESERVED': [null],
  'PENDING AWAITING_RESTOCK FAILED': [
    'SUPPLIER_REFUSED',
    'SUPPLIER_FAILED',
    'SUPPLIER_DELAYED',
    'SUPPLIER_UNREACHABLE',
    'INTERNAL_ERROR',
  ],
}
/** Given up by Holdfast itself: for an operator to look into. */
const GIVEN_UP = ['SUPPLIER_UNREACHABLE', 'INTERNAL_ERROR']
/** Under faults without end: a job that fails each time has used up its 8 tries after some 29 min of back-off. */
const LIFE_MAX_S = 35 * 60

/** Invariants 6 and 7: each order went a way that there is, to its end, in time. */
export function checkLives(orders: ReadonlyMap<string, FinalOrder>, findings: Findings): void {
  let longestS = 0
  let clockOffS = 0
  for (const order of orders.values()) {
    const detail = JSON.stringify(order)
    if (!LIVES[order.statuses.join(' ')]?.includes(order.reason)) {
      findings.violate('an order goes from state to state as the table has it', order.id, detail)
    }
    if (order.hasDeadLetter !== GIVEN_UP.includes(order.reason ?? '')) {
      findings.violate('what was given up is kept as a dead letter', order.id, detail)
    }
    if (order.lifeSeconds > LIFE_MAX_S) {
      findings.violate('every order is final within its deadline', order.id, detail)
    }
    clockOffS = Math.max(clockOffS, order.clockOffSeconds)
    longestS = Math.max(longestS, order.lifeSeconds)
  }
  findings.count('s from creation to final state, at most', Math.ceil(longestS))
  findings.count('s that a clock was off, at most', Math.ceil(clockOffS))
}
