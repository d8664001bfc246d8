import type { Reader } from './database.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { StreamView, ToldChange } from './stock-history.ts'

/** A movement, as a stream has to tell it. */
export type LedgerChange = {
  id: number
  /** `<SKU> at <location>` */
  level: string
  /** Thresholds, sorted, with commas between. */
  crossed: string
  /** Whether it has a second place, and only there what it crossed. */
  isTwice: boolean
}

const LEDGER = `select id::float8 as id, sku || ' at ' || location as level, crossed_id is not null as "isTwice",
    coalesce((select string_agg(threshold::text, ',' order by threshold::text) from unnest(crossed) as threshold), '') as crossed
  from inventory_movements order by id`

export function readLedger(database: Reader): Promise<LedgerChange[]> {
  return database.query<LedgerChange>(LEDGER)
}

/** How many changes a reader has to be told of: all from the first on that it was told of, before which nothing was under way. */
export function countTold({ changes }: Pick<StreamView, 'changes'>, ledger: readonly LedgerChange[]): number {
  const first = changes[0]?.movementId ?? 0
  return ledger.reduce((count, { id, isTwice }) => (id < first ? count : count + (isTwice ? 2 : 1)), 0)
}

/**
 * Invariant 10: each reader is told of each movement of the ledger once, with what it crossed, in order for each SKU and
 * location, whatever broke meanwhile. One that has a second place comes again there, and only there with what it crossed.
 */
export async function checkStreams(database: Reader, history: History, findings: Findings): Promise<void> {
  if (history.streams.length === 0) return
  const ledger = await readLedger(database)
  for (const view of history.streams) checkStream(view, ledger, findings)
}

function checkStream(
  { reader, changes, connections }: StreamView,
  ledger: readonly LedgerChange[],
  findings: Findings,
): void {
  findings.count('connections of streams', connections)
  findings.count('changes told by streams', changes.length)
  const first = changes[0]?.movementId ?? 0
  const told = Map.groupBy(changes, ({ movementId }) => movementId)
  for (const movement of ledger) {
    const { id, isTwice, crossed } = movement
    const places = told.get(id) ?? []
    told.delete(id)
    if (id < first) {
      if (places.length > 0) findings.violate('a stream tells nothing twice', reader, `${id} before ${first}`)
      continue
    }
    const detail = `${JSON.stringify(movement)}, told as ${JSON.stringify(places)}`
    const expected = isTwice ? 2 : 1
    if (places.length < expected) findings.violate('a stream misses nothing', reader, detail)
    if (places.length > expected) findings.violate('a stream tells nothing twice', reader, detail)
    if (places.some(({ level }) => level !== movement.level))
      findings.violate('a stream tells what is in the ledger', reader, detail)
    const crossings = places.map((place) => place.crossed).filter((some) => some !== '')
    if (crossings.join(' and ') !== crossed || (crossed !== '' && places.at(-1)?.crossed !== crossed))
      findings.violate('a stream tells once what was crossed', reader, detail)
    if (crossed !== '') findings.count('crossings told by streams')
    if (isTwice) findings.count('changes that streams told again, with what they crossed')
  }
  for (const [id, places] of told) {
    findings.violate('a stream tells what is in the ledger', reader, `${id}: ${JSON.stringify(places)}`)
  }
  checkOrder(reader, changes, findings)
}

function checkOrder(reader: string, changes: readonly ToldChange[], findings: Findings): void {
  const newest = new Map<string, number>()
  const seen = new Set<number>()
  for (const { movementId, level } of changes) {
    const before = newest.get(level) ?? 0
    // a second place is not one of the order
    if (movementId < before && !seen.has(movementId)) {
      findings.violate(
        'a stream tells the changes of a level in order',
        reader,
        `${movementId} after ${before} at ${level}`,
      )
    }
    newest.set(level, Math.max(before, movementId))
    seen.add(movementId)
  }
}
