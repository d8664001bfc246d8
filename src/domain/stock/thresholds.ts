import type { Location } from './location.ts'
import { type InventoryMovement, promisableAt, type StockLevel } from './stock.ts'

/**
 * What a change of stock crosses, by what can be promised of a SKU at all active locations together:
 * - LOW: it fell to the item's `lowStockAt`, or below;
 * - OUT: it fell to 0;
 * - BACK: it rose from 0.
 */
export const STOCK_THRESHOLDS = ['LOW', 'OUT', 'BACK'] as const
export type StockThreshold = (typeof STOCK_THRESHOLDS)[number]

/** Whether an item was low or out when it was last judged, and the rule for low. */
export type StockState = {
  lowStockAt: bigint | null
  isLow: boolean
  /** Null until its first goods are judged, which crosses nothing. */
  isOut: boolean | null
}

/** The state of an item that has no rule and is not out. */
const SOUND: StockState = { lowStockAt: null, isLow: false, isOut: false }

/** The new state of a SKU, and the thresholds that it crossed. */
export type Judgement = { sku: string; isLow: boolean; isOut: boolean; crossed: readonly StockThreshold[] }

/** The thresholds that the stock of a SKU crossed. */
export type StockCrossing = { sku: string; crossed: StockThreshold[] }

/** A change of stock, as the stream sends it. */
export type InventoryChange = {
  /** Its place in the stream: its movement's id or, where the movement comes a second time, a number of the same sequence. */
  position: bigint
  /** The transaction that wrote the movement. */
  xid: bigint
  movement: InventoryMovement
  /** Whether the movement was in the stream before, at its own id: it comes again, with what it crossed. */
  isRepeat: boolean
  /** The location of the movement. */
  location: Location
  /** That of the SKU when the change was read. */
  availableToPromise: bigint
  crossed: readonly StockThreshold[]
}

/** All levels of some SKUs, the locations of these levels, and the states of SKUs with a rule or out of stock. */
export type JudgedStock = {
  levels: readonly StockLevel[]
  locations: readonly Location[]
  states: ReadonlyMap<string, StockState>
}

/**
 * Judges SKUs by their levels.
 *
 * @param stock levels after the change, states before it
 * @returns a judgement for each SKU whose state changes
 */
export function judgeStock({ levels, locations, states }: JudgedStock, skus: Iterable<string>): Judgement[] {
  const active = new Set(locations.filter(({ isActive }) => isActive).map(({ code }) => code))
  const left = new Map<string, bigint>(Array.from(skus, (sku) => [sku, 0n]))
  for (const level of levels) {
    const sum = left.get(level.sku)
    if (sum !== undefined && active.has(level.location)) left.set(level.sku, sum + promisableAt(level))
  }
  return Array.from(left).flatMap(([sku, qty]) => judge(sku, states.get(sku) ?? SOUND, qty) ?? [])
}

function judge(sku: string, before: StockState, left: bigint): Judgement | undefined {
  const isLow = before.lowStockAt !== null && left <= before.lowStockAt
  const isOut = left === 0n
  if (isLow === before.isLow && isOut === before.isOut) return undefined
  if (before.isOut === null) return { sku, isLow, isOut, crossed: [] }
  const crossed: StockThreshold[] = []
  if (isLow && !before.isLow) crossed.push('LOW')
  if (isOut && !before.isOut) crossed.push('OUT')
  if (!isOut && before.isOut) crossed.push('BACK')
  return { sku, isLow, isOut, crossed }
}
