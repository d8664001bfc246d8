import type { UserErrorCode } from '../../errors.ts'
import { HOLD_SECONDS_MAX, isHoldTime, ORDER_LINES_MAX, type Order } from '../order.ts'
import type { Refusal } from '../order-change.ts'
import { isQty, type OrderLine, QTY_MAX, QTY_MIN } from '../order-line.ts'
import { endsWatching as isOver } from '../order-status.ts'

/** The version that a caller believes an order to have; null where it does not care. */
export type Expectation = { expectedVersion: number | null }

/** Refuses, with the path to the culprit within the input. */
export function refuse(code: UserErrorCode, message: string, path: readonly (string | number)[]): Refusal {
  return { refusal: { code, message, field: ['input', ...path.map(String)] } }
}

/** Refuses a quantity that is more than would go. */
export function refuseExcess(
  code: 'QTY_EXCEEDED' | 'INSUFFICIENT_STOCK',
  message: string,
  path: readonly (string | number)[],
  limit: number | bigint,
): Refusal {
  const { refusal } = refuse(code, message, path)
  return { refusal: { ...refusal, limit: BigInt(limit) } }
}

/** Refuses an order that is not the version that the caller expects. */
export function refuseStale({ version }: Order, { expectedVersion }: Expectation): Refusal | undefined {
  if (expectedVersion === null || expectedVersion === version) return undefined
  return refuse('STALE_EXPECTATION', `The order is at version ${version}, not ${expectedVersion}`, [
    'expectedVersion',
  ])
}

/** Refuses what cannot be done with an order as it stands. */
export function refuseState({ status }: Order, what: string): Refusal {
  return refuse('WRONG_STATE', `The order is ${status}: ${what}`, ['id'])
}

/** Refuses a time for which no order can be held. */
export function refuseHoldTime(seconds: number): Refusal | undefined {
  if (isHoldTime(seconds)) return undefined
  return refuse('INVALID_HOLD', `holdSeconds must be a whole number from 1 to ${HOLD_SECONDS_MAX}`, [
    'holdSeconds',
  ])
}

/**
 * Refuses what only an open hold can do, and only before it expires, whether or not its stock is released by then.
 *
 * @param clock the database's time, read under the order's lock
 */
export function refuseUnlessHold(order: Order, clock: Date): Refusal | undefined {
  const { status, expiresAt } = order
  if (expiresAt === null) return refuse('WRONG_STATE', 'The order is no hold', ['id'])
  if (status !== 'EXPIRED' && isOver(status)) return refuseState(order, 'it is no hold any more')
  if (status !== 'EXPIRED' && clock < expiresAt) return undefined
  return refuse('HOLD_EXPIRED', `The hold expired at ${expiresAt.toISOString()}`, ['id'])
}

/**
 * Refuses lines as no verb takes them: none or too many, a quantity out of range, the same twice.
 *
 * @param keyOf what no two lines have alike, the SKU by default
 * @param linesMax how many there may be: as an order has, by default
 */
export function refuseLines<L extends { sku: string; qty: number }>(
  lines: readonly L[],
  keyOf: (line: L) => string = ({ sku }) => sku,
  linesMax = ORDER_LINES_MAX,
): Refusal | undefined {
  if (lines.length === 0 || lines.length > linesMax) {
    return refuse('INVALID_LINES', `There must be 1 to ${linesMax} lines, not ${lines.length}`, ['lines'])
  }
  const seen = new Set<string>()
  for (const [index, line] of lines.entries()) {
    if (!isQty(line.qty))
      return refuse('INVALID_QTY', `qty must be ${QTY_MIN} to ${QTY_MAX}`, ['lines', index, 'qty'])
    const key = keyOf(line)
    if (seen.has(key)) {
      return refuse('DUPLICATE_SKU', `The SKU ${line.sku} is in a line before`, ['lines', index, 'sku'])
    }
    seen.add(key)
  }
  return undefined
}

/**
 * Refuses quantities of which an order has no line, or not so many. Several of one SKU count together.
 *
 * @param limitOf the most of a line that would go
 */
export function refuseExcesses(
  order: Order,
  lines: readonly { sku: string; qty: number }[],
  limitOf: (line: OrderLine) => number,
): Refusal | undefined {
  const leftOf = new Map(order.lines.map((line) => [line.sku, limitOf(line)]))
  for (const [index, { sku, qty }] of lines.entries()) {
    const left = leftOf.get(sku)
    if (left === undefined) {
      const message = `The order has no line of the SKU ${JSON.stringify(sku.slice(0, 64))}`
      return refuse('UNKNOWN_SKU', message, ['lines', index, 'sku'])
    }
    if (qty > left) {
      return refuseExcess('QTY_EXCEEDED', `At most ${left} of ${sku} would go`, ['lines', index, 'qty'], left)
    }
    leftOf.set(sku, left - qty)
  }
  return undefined
}

/** Refuses a location that does not exist. */
export function refuseUnknownLocation(code: string, path: readonly (string | number)[]): Refusal {
  return refuse('UNKNOWN_LOCATION', `There is no location ${JSON.stringify(code.slice(0, 64))}`, path)
}
