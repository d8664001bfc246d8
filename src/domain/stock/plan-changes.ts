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

/** A change that is asked for of a level: by a delta of what is available, or as counted on hand. */
export type AskedChange = {
  sku: string
  location: string
  type: MovementType
  reason: string | null
  reference: string | null
  actor: string
} & (
  | {
      delta: number
      /** What the caller believes to be available; null for whatever is. */
      expectedAvailable: bigint | null
    }
  | { counted: bigint; asOf: bigint | null }
)

/** What is known of the stock that changes are asked for. */
export type StockFacts = {
  skus: ReadonlySet<string>
  locations: ReadonlySet<string>
  /** Those that exist; nothing is where there is none. */
  levels: readonly StockLevel[]
  /** For each change that has an `asOf`, by its place: what it is to be compared with; none if the level has no such movement. */
  bases: ReadonlyMap<number, bigint>
}

/** What a shortfall does: it is refused, or promises are taken back. */
export type OnShortfall = 'REFUSE' | 'UNRESERVE_NEWEST'

/**
 * What comes of a change. `before` and `after`: what is available where it is by a delta, on hand where it was counted; null where
 * that is not known, `after` also where it is refused. `move`: null where nothing is moved.
 */
export type PlannedChange = {
  before: bigint | null
  after: bigint | null
  move: StockMove | null
  error: UserError | null
}

/** What has to be taken back of promises at a level before changes can be made. */
export type Shortfall = { sku: string; location: string; qty: bigint }

/**
 * Decides what comes of changes, one after the other: each is made, or refused and leaves nothing.
 *
 * @returns in their order, and the shortfalls of those that are made all the same, one a level
 */
export function planChanges(
  changes: readonly AskedChange[],
  facts: StockFacts,
  onShortfall: OnShortfall,
): { planned: PlannedChange[]; shortfalls: Shortfall[] } {
  const levels = new LevelsInTurn(facts.levels)
  const planned = changes.map((change, index): PlannedChange => {
    const wrong = refuseForm(change) ?? refuseUnknown(change, facts)
    if (wrong) return { before: null, after: null, move: null, error: wrong }
    const level = levels.at(change)
    const isCount = 'counted' in change
    const before = isCount ? level.available + level.reserved : level.available
    const delta = isCount ? differenceOf(change, level, facts.bases.get(index)) : change.delta
    const error =
      typeof delta === 'number'
        ? refuseDelta(change, delta, { level, levels: levels.of(change.sku), onShortfall })
        : delta
    if (error) return { before, after: null, move: null, error }
    levels.apply(change, delta as number)
    const after = isCount ? level.available + level.reserved : level.available
    return { before, after, move: moveOf(change, delta as number), error: null }
  })
  return { planned, shortfalls: levels.shortfalls() }
}

/** A level as change after change leaves it. */
type Current = {
  sku: string
  location: string
  available: bigint
  reserved: bigint
  /** What these changes have corrected by counts. */
  counted: bigint
  shortfall: bigint
}

class LevelsInTurn {
  /** By SKU. */
  readonly #levels: Map<string, Current[]>

  constructor(levels: readonly StockLevel[]) {
    this.#levels = Map.groupBy(
      levels.map(({ sku, location, available, reserved }) => ({
        ...{ sku, location, available, reserved },
        ...{ counted: 0n, shortfall: 0n },
      })),
      ({ sku }) => sku,
    )
  }

  /** Every level of a SKU. */
  of(sku: string): readonly Current[] {
    return this.#levels.get(sku) ?? []
  }

  at({ sku, location }: AskedChange): Current {
    const known = this.of(sku).find((level) => level.location === location)
    if (known) return known
    const level = { sku, location, available: 0n, reserved: 0n, counted: 0n, shortfall: 0n }
    this.#levels.set(sku, [...this.of(sku), level])
    return level
  }

  /** Adds to a level; what it lacks then is taken back of promises. */
  apply(change: AskedChange, delta: number): void {
    const level = this.at(change)
    level.available += BigInt(delta)
    if ('counted' in change) level.counted += BigInt(delta)
    if (level.available >= 0n) return
    level.shortfall -= level.available
    level.reserved += level.available
    level.available = 0n
  }

  shortfalls(): Shortfall[] {
    return [...this.#levels.values()]
      .flat()
      .filter(({ shortfall }) => shortfall > 0n)
      .map(({ sku, location, shortfall: qty }) => ({ sku, location, qty }))
  }
}

function refuseForm(change: AskedChange): UserError | undefined {
  if ('counted' in change) {
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

/** By how much a count differs from what is to be on hand, or why it cannot be compared. */
function differenceOf(
  { counted, asOf, sku, location }: Extract<AskedChange, { counted: bigint }>,
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

function refuseDelta(
  change: AskedChange,
  delta: number,
  { level, levels, onShortfall }: { level: Current; levels: readonly Current[]; onShortfall: OnShortfall },
): UserError | undefined {
  const { available, reserved } = level
  const isCount = 'counted' in change
  const field = isCount ? 'counted' : 'delta'
  if (!isCount) {
    const { expectedAvailable: expected } = change
    if (expected !== null && expected !== available) {
      const message = `${available} are available, not ${expected}`
      return refuse('STALE_EXPECTATION', message, 'expectedAvailable')
    }
  }
  const most = onShortfall === 'REFUSE' ? available : available + reserved
  if (most + BigInt(delta) < 0n) {
    if (isCount) {
      const limit = change.counted - BigInt(delta) - most
      const why = onShortfall === 'REFUSE' ? `${reserved} are promised to orders` : 'More has left since'
      return { ...refuse('INSUFFICIENT_STOCK', `${why}: the least to count is ${limit}`, field), limit }
    }
    const message = `Only ${most} are ${onShortfall === 'REFUSE' ? 'available' : 'on hand'}`
    return { ...refuse('INSUFFICIENT_STOCK', message, field), limit: most }
  }
  if (delta > 0 && !hasRoomFor(levels, delta)) {
    return refuse('INVALID_QTY', `No more than ${AVAILABLE_MAX} can be on hand`, field)
  }
  return undefined
}

function moveOf(change: AskedChange, delta: number): StockMove | null {
  if (delta === 0) return null
  const { sku, location, type, reason, reference, actor } = change
  const qty = type === 'TRANSFER_OUT' ? -delta : delta
  return { ...stockMove(type, { sku, location, qty }), reason, reference, actor }
}

/** Refuses, with the path to the culprit within the change. */
function refuse(code: UserError['code'], message: string, ...field: string[]): UserError {
  return { code, message, field }
}

/** Names what a caller sent, which may be anything. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
