import type { Order } from '../orders/order.ts'
import { openOf } from '../orders/order-line.ts'
import { statusOf } from '../orders/order-status.ts'
import { DELTA_MAX } from './stock.ts'

/** Quantities of a level at one moment, by each source. */
export type StockWitnesses = {
  /** Its counters. */
  available: bigint
  reserved: bigint
  /** The sum of its movements, and `available_after` of the last: 0 without movements. */
  ledger: bigint
  lastAfter: bigint
  /** The reserved quantity by its movements. */
  promised: bigint
  /** Whether the line of some order of the SKU contradicts its movements. */
  isMismatched: boolean
}

/** A correction of a level: a counter to set, or movements to add to the ledger. */
export type StockRepair = { field: 'available' | 'reserved'; to: bigint } | { movements: number[] }

/**
 * Decides how to correct a level.
 *
 * - The ledger is the truth: a counter that its sum and its last movement both contradict is set to it.
 * - Where counter and last movement agree, a movement before was altered or is lost. The stock is what it is, and the
 *   ledger gets the difference.
 * - Where all three differ, or an order contradicts its movements, people decide.
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

/** What movements and levels say about a line. */
export type LineWitnesses = {
  sku: string
  /** The sum of what its movements reserve. */
  promised: number
  /** Whether the levels of the SKU have reserved what their movements say. */
  isLedgerSound: boolean
}

/** A correction of the reserved quantity of a line. */
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

/** Splits a difference into deltas that a movement can hold. */
function split(difference: bigint): number[] {
  const deltas: number[] = []
  const max = BigInt(DELTA_MAX)
  for (let rest = difference; rest !== 0n; rest -= BigInt(deltas.at(-1)!)) {
    deltas.push(Number(rest > max ? max : rest < -max ? -max : rest))
  }
  return deltas
}
