import { type Order, openOf } from '../orders/order.ts'
import { statusOf } from '../orders/order-status.ts'
import { DELTA_MAX } from './stock.ts'

/** What there is to say of a level, by each who says it, at one moment. */
export type StockWitnesses = {
  /** Its counters. */
  available: bigint
  reserved: bigint
  /** The sum of its movements, and what the last of them says is available: 0 where there are none. */
  ledger: bigint
  lastAfter: bigint
  /** What its movements have promised to orders. */
  promised: bigint
  /** Whether of some order of the SKU the line and its movements do not go together. */
  isMismatched: boolean
}

/** What makes the books of a level true again: a counter that is set, or movements that are added to the ledger. */
export type StockRepair = { field: 'available' | 'reserved'; to: bigint } | { movements: number[] }

/**
 * Decides what is to be corrected of a level.
 *
 * - The ledger is the truth: a counter that its sum and its last movement both contradict is set to it.
 * - Where counter and last movement agree, a movement before was altered or is lost. The stock is what it is, and the
 *   ledger gets the difference.
 * - Where all three differ, or an order and its movements do not go together, it is for people to decide.
 */
export function decideRepairs(stock: StockWitnesses): StockRepair[] {
  const { available, reserved, ledger, lastAfter, promised, isMismatched } = stock
  if (isMismatched) return []
  const repairs: StockRepair[] = []
  if (available !== ledger && lastAfter === ledger) repairs.push({ field: 'available', to: ledger })
  if (available !== ledger && lastAfter === available) repairs.push({ movements: split(available - ledger) })
  if (reserved !== promised) repairs.push({ field: 'reserved', to: promised })
  return repairs
}

/** What there is to say of a line, beside itself. */
export type LineWitnesses = {
  sku: string
  /** The sum of what its movements reserve. */
  promised: number
  /** Whether the levels of the SKU have reserved what their movements say. */
  isLedgerSound: boolean
}

/** What a line has reserved, and what it is set to. */
export type LineRepair = { sku: string; before: number; after: number }

/**
 * Decides which lines of an order are set to what their movements hold: where the levels confirm those, and if the status of the
 * order then follows from its lines. Otherwise it may be the movements that were altered.
 */
export function decideLineRepairs(order: Order, witnesses: readonly LineWitnesses[]): LineRepair[] {
  const lines = order.lines.map((line) => {
    const said = witnesses.find(({ sku }) => sku === line.sku)
    return said?.isLedgerSound ? { ...line, reserved: said.promised } : line
  })
  const isPossible = lines.every((line) => line.reserved >= 0 && line.reserved <= openOf(line))
  if (!isPossible || statusOf({ ...order, lines }) !== order.status) return []
  return order.lines.flatMap(({ sku, reserved: before }, index) => {
    const after = lines[index]!.reserved
    return before === after ? [] : [{ sku, before, after }]
  })
}

/** A difference as deltas that a movement can hold. */
function split(difference: bigint): number[] {
  const deltas: number[] = []
  const max = BigInt(DELTA_MAX)
  for (let rest = difference; rest !== 0n; rest -= BigInt(deltas.at(-1)!)) {
    deltas.push(Number(rest > max ? max : rest < -max ? -max : rest))
  }
  return deltas
}
