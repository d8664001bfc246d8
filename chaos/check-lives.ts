import type { FinalOrder } from './checks.ts'
import type { Findings } from './findings.ts'

/** The ways that an order may go, all of them. Written out here a second time: the code's own table is under test. */
const LIVES: Record<string, readonly (string | null)[]> = {
  'PENDING RESERVED': [null],
  'PENDING AWAITING_RESTOCK RESERVED': [null],
  'PENDING AWAITING_RESTOCK FAILED': ['SUPPLIER_REFUSED', 'SUPPLIER_FAILED', 'SUPPLIER_DELAYED'],
}
/** Given up by Holdfast itself: for an operator to look into. */
const GIVEN_UP = ['SUPPLIER_UNREACHABLE', 'INTERNAL_ERROR']
/** The one that chaos can earn: it was under way at each of 20 kills. By chance that happens to hardly any order. */
const DIED_WITH_ITS_WORKERS = /^Its worker died 20 times$/
const DIED_WITH_ITS_WORKERS_MAX = 3
/**
 * Each single wait is checked in `check-waits.ts`. An unlucky order has several: 120 s for each of a few deaths of its
 * workers, 70 s for each of a few calls to its supplier. The longest that was seen is 170 s.
 */
const LIFE_MAX_S = 10 * 60

/** Invariants 6 and 7: each order went a way that there is, to its end, in time, and none was given up. */
export function checkLives(orders: ReadonlyMap<string, FinalOrder>, findings: Findings): void {
  let longestS = 0
  let clockOffS = 0
  let diedWithWorkers = 0
  for (const order of orders.values()) {
    const detail = JSON.stringify(order)
    const { deadLetter } = order
    const isGivenUp = GIVEN_UP.includes(order.reason ?? '')
    if (order.reason === 'INTERNAL_ERROR' && DIED_WITH_ITS_WORKERS.test(deadLetter ?? '')) {
      diedWithWorkers++
    } else if (isGivenUp) {
      findings.violate('no order is given up', order.id, detail)
    } else if (!LIVES[order.statuses.join(' ')]?.includes(order.reason)) {
      findings.violate('an order goes from state to state as the table has it', order.id, detail)
    }
    if ((deadLetter !== null) !== isGivenUp) {
      findings.violate('what was given up is kept as a dead letter', order.id, detail)
    }
    if (order.lifeSeconds > LIFE_MAX_S) {
      findings.violate('every order is final within its deadline', order.id, detail)
    }
    clockOffS = Math.max(clockOffS, order.clockOffSeconds)
    longestS = Math.max(longestS, order.lifeSeconds)
  }
  if (diedWithWorkers > DIED_WITH_ITS_WORKERS_MAX) {
    findings.violate('hardly an order dies with its workers', `${diedWithWorkers} orders`, 'each 20 times')
  }
  findings.count('orders given up after the 20th death of a worker', diedWithWorkers)
  findings.count('s from creation to final state, at most', Math.ceil(longestS))
  findings.count('s that a clock was off, at most', Math.ceil(clockOffS))
}
