import type { UserError } from '../errors.ts'
import {
  AVAILABLE_MAX,
  DELTA_MAX,
  hasRoomFor,
  type MovementType,
  type StockLevel,
  type StockMove,
  stockMove,
} from './stock.ts'

/** A requested change of a level: a delta of what is available, or a count of what is on hand. */
export type AskedChange = AskedDelta | AskedCount

type Asked = { sku: string; location: string; reason: string | null; reference: string | null; actor: string }

export type AskedDelta = Asked & {
  type: Exclude<MovementType, 'COUNT'>
  delta: number
  /** What the caller believes to be available; null for any quantity. */
  expectedAvailable: bigint | null
}

export type AskedCount = Asked & {
  type: 'COUNT'
  counted: bigint
  /** The newest movement of the level that the counter knew, 0 for none; null to compare with what is on hand now. */
  asOf: bigint | null
}

/** What is known of the stock that changes are requested for. */
export type StockFacts = {
  skus: ReadonlySet<string>
  locations: ReadonlySet<string>
  /** Those that exist; a missing level is empty. */
  levels: readonly StockLevel[]
  /** What each count with `asOf` is compared with, by its index in the changes; none if the level has no such movement. */
  bases: ReadonlyMap<number, bigint>
  /** Results of earlier changes that were not written: of a dry run. Included in neither `levels` nor `bases`. */
  unwritten?: readonly LevelChange[]
}

/** Sum of changes of a level. */
export type LevelChange = {
  sku: string
  location: string
  /** What they add to `available`. */
  available: bigint
  /** The part of it that counts added. */
  counted: bigint
}

/** How to treat a shortfall: refuse the change, or take back promises. */
export type OnShortfall = 'REFUSE' | 'UNRESERVE_NEWEST'

/**
 * Result of a change. `before` and `after`: what is available for a delta, on hand for a count; both null where the change is
 * malformed or names nothing that exists, `after` null for every refusal. `move`: null where nothing moves.
 */
export type PlannedChange = {
  before: bigint | null
  after: bigint | null
  move: StockMove | null
  error: UserError | null
}

/** Quantity of promises to take back at a level before changes can be made. */
export type Shortfall = { sku: string; location: string; qty: bigint }

/**
 * Plans changes one after the other. A refused change has no effect on those behind it.
 *
 * @returns a result for each, in their order, with shortfalls and sums of the changes that are made: one for each level
 */
export function planChanges(
  changes: readonly AskedChange[],
  facts: StockFacts,
  onShortfall: OnShortfall,
): { planned: PlannedChange[]; shortfalls: Shortfall[]; levelChanges: LevelChange[] } {
  const levels = new LevelsInTurn(facts)
  const planned = changes.map((change, index) => {
    const error = refuseForm(change) ?? refuseUnknown(change, facts)
    return error
      ? { before: null, after: null, move: null, error }
      : planChange(change, levels, { base: facts.bases.get(index), onShortfall })
  })
  return { planned, shortfalls: levels.shortfalls(), levelChanges: levels.changes() }
}

function planChange(
  change: AskedChange,
  levels: LevelsInTurn,
  { base, onShortfall }: { base: bigint | undefined; onShortfall: OnShortfall },
): PlannedChange {
  const level = levels.at(change)
  const measure = () => (change.type === 'COUNT' ? level.available + level.reserved : level.available)
  const before = measure()
  const refused = (error: UserError) => ({ before, after: null, move: null, error })
  const delta = change.type === 'COUNT' ? differenceOf(change, level, base) : change.delta
  if (typeof delta !== 'number') return refused(delta)
  const error =
    refuseUnexpected(change, level) ??
    refuseShortfall(change, delta, level, onShortfall) ??
    refuseOverflow(change, delta, levels.of(change.sku))
  if (error) return refused(error)
  levels.apply(change, delta)
  return { before, after: measure(), move: moveOf(change, delta), error: null }
}

/** A level with the changes so far. */
type Current = {
  sku: string
  location: string
  available: bigint
  reserved: bigint
  shortfall: bigint
  /** Sums of changes, unwritten ones included. */
  changed: bigint
  counted: bigint
}

class LevelsInTurn {
  /** By SKU. */
  readonly #levels = new Map<string, Current[]>()

  constructor({ levels, unwritten = [] }: Pick<StockFacts, 'levels' | 'unwritten'>) {
    for (const { sku, location, available, reserved } of levels)
      this.#add({ sku, location, available, reserved })
    for (const { available, counted, ...key } of unwritten) {
      const level = this.at(key)
      // orders may have taken what an unwritten change needs
      level.available = level.available + available < 0n ? 0n : level.available + available
      level.changed = available
      level.counted = counted
    }
  }

  #add(level: Pick<Current, 'sku' | 'location' | 'available' | 'reserved'>): Current {
    const current = { ...level, shortfall: 0n, changed: 0n, counted: 0n }
    const others = this.#levels.get(level.sku)
    if (others) others.push(current)
    else this.#levels.set(level.sku, [current])
    return current
  }

  /** Every level of a SKU. */
  of(sku: string): readonly Current[] {
    return this.#levels.get(sku) ?? []
  }

  at({ sku, location }: Pick<Current, 'sku' | 'location'>): Current {
    const known = this.of(sku).find((level) => level.location === location)
    return known ?? this.#add({ sku, location, available: 0n, reserved: 0n })
  }

  /** Adds to a level. What the level lacks then is taken back of promises. */
  apply(change: AskedChange, delta: number): void {
    const level = this.at(change)
    level.available += BigInt(delta)
    level.changed += BigInt(delta)
    if (change.type === 'COUNT') level.counted += BigInt(delta)
    if (level.available >= 0n) return
    level.shortfall -= level.available
    level.reserved += level.available
    level.available = 0n
  }

  shortfalls(): Shortfall[] {
    return this.#all()
      .filter(({ shortfall }) => shortfall > 0n)
      .map(({ sku, location, shortfall: qty }) => ({ sku, location, qty }))
  }

  changes(): LevelChange[] {
    return this.#all()
      .filter(({ changed, counted }) => changed !== 0n || counted !== 0n)
      .map(({ sku, location, changed: available, counted }) => ({ sku, location, available, counted }))
  }

  #all(): Current[] {
    return [...this.#levels.values()].flat()
  }
}

function refuseForm(change: AskedChange): UserError | undefined {
  if (change.type === 'COUNT') {
    const { counted } = change
    const isPossible = counted >= 0n && counted <= AVAILABLE_MAX
    return isPossible ? undefined : refuse('INVALID_QTY', `counted must be 0 to ${AVAILABLE_MAX}`, 'counted')
  }
  const { delta } = change
  if (delta === 0) return refuse('INVALID_QTY', 'delta must not be 0', 'delta')
  if (Number.isInteger(delta) && Math.abs(delta) <= DELTA_MAX) return undefined
  return refuse('INVALID_QTY', `delta must be a whole number from -${DELTA_MAX} to ${DELTA_MAX}`, 'delta')
}

function refuseUnknown({ sku, location }: AskedChange, facts: StockFacts): UserError | undefined {
  if (!facts.skus.has(sku)) return refuse('UNKNOWN_SKU', `There is no item with the SKU ${quote(sku)}`, 'sku')
  if (facts.locations.has(location)) return undefined
  return refuse('UNKNOWN_LOCATION', `There is no location ${quote(location)}`, 'location')
}

/** Returns what a count adds to what should be on hand, or why the two cannot be compared. */
function differenceOf(
  { counted, asOf, sku, location }: AskedCount,
  level: Current,
  base: bigint | undefined,
): number | UserError {
  if (asOf !== null && base === undefined) {
    return refuse('STALE_EXPECTATION', `There is no movement ${asOf} of ${sku} at ${location}`, 'asOf')
  }
  const difference = counted - (base === undefined ? level.available + level.reserved : base + level.counted)
  if (difference >= -BigInt(DELTA_MAX) && difference <= BigInt(DELTA_MAX)) return Number(difference)
  return refuse('INVALID_QTY', `A count can differ by ${DELTA_MAX} at the most`, 'counted')
}

function refuseUnexpected(change: AskedChange, { available }: Current): UserError | undefined {
  if (change.type === 'COUNT') return undefined
  const { expectedAvailable: expected } = change
  if (expected === null || expected === available) return undefined
  return refuse('STALE_EXPECTATION', `${available} are available, not ${expected}`, 'expectedAvailable')
}

function refuseShortfall(
  change: AskedChange,
  delta: number,
  { available, reserved }: Current,
  onShortfall: OnShortfall,
): UserError | undefined {
  const most = onShortfall === 'REFUSE' ? available : available + reserved
  if (most + BigInt(delta) >= 0n) return undefined
  if (change.type === 'COUNT') {
    const limit = change.counted - BigInt(delta) - most
    const why = onShortfall === 'REFUSE' ? `${reserved} are promised to orders` : 'More has left since'
    return { ...refuse('INSUFFICIENT_STOCK', `${why}: the least to count is ${limit}`, 'counted'), limit }
  }
  const message = `Only ${most} are ${onShortfall === 'REFUSE' ? 'available' : 'on hand'}`
  return { ...refuse('INSUFFICIENT_STOCK', message, 'delta'), limit: most }
}

function refuseOverflow(
  { type }: AskedChange,
  delta: number,
  levels: readonly Current[],
): UserError | undefined {
  if (delta <= 0 || hasRoomFor(levels, delta)) return undefined
  const field = type === 'COUNT' ? 'counted' : 'delta'
  return refuse('INVALID_QTY', `No more than ${AVAILABLE_MAX} can be on hand`, field)
}

function moveOf(change: AskedChange, delta: number): StockMove | null {
  if (delta === 0) return null
  const { sku, location, type, reason, reference, actor } = change
  const qty = type === 'TRANSFER_OUT' ? -delta : delta
  return { ...stockMove(type, { sku, location, qty }), reason, reference, actor }
}

/** Returns a refusal with the path to the wrong part of the change. */
function refuse(code: UserError['code'], message: string, ...field: string[]): UserError {
  return { code, message, field }
}

/** Names what a caller sent, which may be anything. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
