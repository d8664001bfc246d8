import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'

/** Where each event may lead from and to. Written out here a second time: the code's own table is under test. */
const MOVES: Record<string, Record<string, readonly string[]>> = {
  OrderCreated: { '': ['PENDING'] },
  OrderReserved: {
    PENDING: ['RESERVED'],
    AWAITING_RESTOCK: ['RESERVED', 'AWAITING_RESTOCK'],
    PARTIALLY_SHIPPED: ['PARTIALLY_SHIPPED'],
  },
  OrderUnreserved: {
    RESERVED: ['AWAITING_RESTOCK'],
    AWAITING_RESTOCK: ['AWAITING_RESTOCK'],
    PARTIALLY_SHIPPED: ['PARTIALLY_SHIPPED'],
  },
  OrderAwaitingRestock: { PENDING: ['AWAITING_RESTOCK'] },
  OrderFailed: { PENDING: ['FAILED'], AWAITING_RESTOCK: ['FAILED'] },
  OrderConfirmed: { PENDING: ['PENDING'], AWAITING_RESTOCK: ['AWAITING_RESTOCK'], RESERVED: ['RESERVED'] },
  HoldExtended: { PENDING: ['PENDING'], AWAITING_RESTOCK: ['AWAITING_RESTOCK'], RESERVED: ['RESERVED'] },
  OrderExpired: { PENDING: ['EXPIRED'], AWAITING_RESTOCK: ['EXPIRED'], RESERVED: ['EXPIRED'] },
  OrderCancelled: {
    PENDING: ['CANCELLED', 'PENDING'],
    AWAITING_RESTOCK: ['CANCELLED', 'RESERVED', 'AWAITING_RESTOCK'],
    RESERVED: ['CANCELLED', 'RESERVED'],
    PARTIALLY_SHIPPED: ['SHIPPED', 'PARTIALLY_SHIPPED'],
  },
  OrderShipped: {
    RESERVED: ['PARTIALLY_SHIPPED', 'SHIPPED'],
    PARTIALLY_SHIPPED: ['PARTIALLY_SHIPPED', 'SHIPPED'],
  },
  ShipmentUndone: {
    PARTIALLY_SHIPPED: ['RESERVED', 'PARTIALLY_SHIPPED'],
    SHIPPED: ['RESERVED', 'PARTIALLY_SHIPPED'],
  },
  OrderReturned: { PARTIALLY_SHIPPED: ['PARTIALLY_SHIPPED'], SHIPPED: ['SHIPPED'] },
}
/** Why an order fails that Holdfast did not give up, by what was to become of what is short: who waits does not fail. */
const REASONS: Record<FinalOrder['ifShort'], readonly string[]> = {
  ASK_SUPPLIER: ['SUPPLIER_REFUSED', 'SUPPLIER_FAILED', 'SUPPLIER_DELAYED'],
  WAIT: [],
  FAIL: ['OUT_OF_STOCK'],
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
    } else if (!isLife(order)) {
      findings.violate('an order goes from state to state as the table has it', order.id, detail)
    }
    if ((deadLetter !== null) !== isGivenUp) {
      findings.violate('what was given up is kept as a dead letter', order.id, detail)
    }
    if (order.lifeSeconds > LIFE_MAX_S) {
      findings.violate('every order is final within its deadline', order.id, detail)
    }
    const isServed = order.events.some(
      ({ type, from }) => type === 'OrderReserved' && from === 'AWAITING_RESTOCK',
    )
    if (isServed && order.ifShort === 'WAIT') findings.count('orders that waited and were served')
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

/** Whether an order went from state to state as it may, and is where nothing has to follow. */
function isLife({ events, status, reason, ifShort, lines, requests }: FinalOrder): boolean {
  let before = ''
  for (const { type, from, to } of events) {
    if ((from ?? '') !== before || !MOVES[type]?.[before]?.includes(to)) return false
    before = to
  }
  const isRightReason = status === 'FAILED' ? REASONS[ifShort].includes(reason ?? '') : reason === null
  const isWaiting = status === 'AWAITING_RESTOCK' && ifShort === 'WAIT'
  const isUnderWay = status === 'PENDING' || (status === 'AWAITING_RESTOCK' && !isWaiting)
  if (before !== status || isUnderWay || !isRightReason) return false
  // it keeps its other lines, and what it had asked for; that it waits from then on is checked in check-unreserved.ts
  if (events.some(({ type }) => type === 'OrderUnreserved')) return true
  if (ifShort === 'ASK_SUPPLIER')
    return events.every(({ type, from }) => type !== 'OrderFailed' || from !== 'PENDING')
  // all or nothing, and no supplier
  const isWhole = events.every(({ type, to }) => type !== 'OrderReserved' || to === 'RESERVED')
  const holdsNothing = !isWaiting || lines.every(({ reserved }) => reserved === 0)
  return isWhole && holdsNothing && requests.length === 0
}
