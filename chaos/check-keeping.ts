import { checkFile, type KeptMovement } from './check-imports.ts'
import type { Reader } from './database.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { StockDeed, ToldMovement } from './stock-history.ts'

const KEPT = `select id::text, reason, reference, sku, location, type::text, delta,
    (available_after + reserved_after)::float8 as "onHandAfter",
    (available_after - delta)::float8 as "availableBefore", xid::text as tx
  from inventory_movements where order_id is null and reason is not null and reason <> 'before' order by inventory_movements.id`

type Key = { key: string; verb: string; movements: string[] }

const KEYS = `select key, verb, coalesce((
    select array_agg(outcome ->> 'movement' order by place)
    from jsonb_array_elements(made -> 'outcomes') with ordinality as outcomes (outcome, place)
    where outcome ->> 'movement' is not null
  ), '{}') as movements
  from idempotency_keys where made is not null`

/** A count's difference, and what it is to be by the ledger: against what was on hand as of its sheet, and other counts since. */
type CountBase = { id: string; delta: number; known: number | null; since: number }

const COUNT_BASES = `select counts.id::text, counts.delta, (
      select (known.available_after + known.reserved_after)::float8 from inventory_movements as known
      where known.id = asked.as_of and known.sku = counts.sku and known.location = counts.location
    ) as known, (
      select coalesce(sum(since.delta), 0)::float8 from inventory_movements as since
      where since.sku = counts.sku and since.location = counts.location and since.type = 'COUNT'
        and since.id > asked.as_of and since.id < counts.id
    ) as since
  from unnest($1::bigint[], $2::bigint[]) as asked (id, as_of) join inventory_movements as counts on counts.id = asked.id`

/**
 * Invariants 4 and 5 for changes of stock: each took effect once where clients were told so, as they were told, never where they
 * were refused, and at most once where they got no answer. Each row of a file took effect once. Nothing else changed stock.
 */
export async function checkKeeping(database: Reader, history: History, findings: Findings): Promise<void> {
  const made = Map.groupBy(await database.query<KeptMovement>(KEPT), ({ reason }) => reason)
  const keys = new Map((await database.query<Key>(KEYS)).map((key) => [key.key, key]))
  for (const { reason } of history.adjustments) made.delete(reason)
  for (const deed of history.stockDeeds) {
    const kind = deed.answer ? 'done' : deed.refusals.length > 0 ? 'refused' : 'doubtful'
    findings.count(`${deed.verb}: ${kind}`)
    checkDeed(deed, made.get(deed.tag) ?? [], keys.get(deed.tag), findings)
    made.delete(deed.tag)
  }
  for (const file of history.files) {
    checkFile(file, made.get(file.tag) ?? [], findings)
    made.delete(file.tag)
  }
  for (const [reason, movements] of made) {
    const detail = JSON.stringify(movements.slice(0, 10))
    findings.violate('no change of stock but those that were sent', reason, detail)
  }
  await checkCounts(database, history.stockDeeds, findings)
  await checkRules(database, history, findings)
}

function checkDeed(
  deed: StockDeed,
  made: readonly KeptMovement[],
  key: Key | undefined,
  findings: Findings,
): void {
  const { tag, answer, verb, doubtful } = deed
  const detail = JSON.stringify({ deed, made, key })
  if (new Set(made.map(({ tx }) => tx)).size > 1)
    findings.violate('a change of stock is made once', tag, detail)
  if (!answer) {
    // without a key nobody could ask what became of it
    const mayBeMade = deed.key === null && doubtful > 0
    if (!mayBeMade && (made.length > 0 || key))
      findings.violate('a refused change of stock leaves nothing', tag, detail)
    if (made.length > 0 && !isAsked(deed, made))
      findings.violate('a change of stock is as it was asked for', tag, detail)
    return
  }
  const told = answer.results.flatMap(({ movement }) => movement ?? [])
  if (JSON.stringify(told) !== JSON.stringify(made.map(asTold)))
    findings.violate('a change of stock is made as it was answered', tag, detail)
  if (!isAsked(deed, made)) findings.violate('a change of stock is as it was asked for', tag, detail)
  if (deed.key === null) return
  const isKept = key?.verb === verb && key.movements.join() === told.map(({ id }) => id).join()
  if (!isKept) findings.violate('a key keeps what its call made', tag, detail)
}

function asTold({ id, sku, delta, onHandAfter }: KeptMovement): ToldMovement {
  return { id, sku, delta, onHandAfter }
}

/** Whether movements are those that a call asks for, of the rows that were not refused. */
function isAsked(deed: StockDeed, made: readonly KeptMovement[]): boolean {
  const results = deed.answer?.results
  const expected = deed.rows.flatMap((row) => askedOf(deed, row))
  const isMade = (place: number) => !results || results[place]?.movement != null
  const accepted = expected.filter((_, place) => isMade(place))
  return (
    accepted.length === made.length &&
    accepted.every(({ sku, location, type, delta, availableBefore }, index) => {
      const movement = made[index]!
      return (
        movement.sku === sku &&
        movement.location === location &&
        movement.type === type &&
        (delta === null || movement.delta === delta) &&
        (availableBefore == null || movement.availableBefore === availableBefore)
      )
    })
  )
}

type Asked = {
  sku: string
  location: string
  type: string
  /** Null: the ledger says what it has to be. */
  delta: number | null
  availableBefore?: number | null | undefined
}

/** The movements that one row asks for. */
function askedOf({ verb, location, to }: StockDeed, row: StockDeed['rows'][number]): Asked[] {
  const { sku, qty } = row
  switch (verb) {
    case 'receiveInventory':
      return [{ sku, location, type: 'RECEIPT', delta: qty }]
    case 'transferInventory':
      return [
        { sku, location, type: 'TRANSFER_OUT', delta: -qty },
        { sku, location: to!, type: 'TRANSFER_IN', delta: qty },
      ]
    case 'adjustInventories':
      return [{ sku, location, type: 'ADJUSTMENT', delta: qty, availableBefore: row.expectedAvailable }]
    case 'countInventory':
      return [{ sku, location, type: 'COUNT', delta: null }]
  }
}

/** Each count corrects what its sheet knew, and no more: what other counts have corrected since is corrected already. */
async function checkCounts(database: Reader, deeds: readonly StockDeed[], findings: Findings): Promise<void> {
  const counted = deeds.flatMap(({ verb, tag, rows, answer }) =>
    (verb === 'countInventory' ? (answer?.results ?? []) : []).flatMap(({ movement }, index) =>
      movement ? [{ tag, movement, ...rows[index]! }] : [],
    ),
  )
  const withSheet = counted.filter(({ asOf }) => asOf != null)
  const ids = withSheet.map(({ movement }) => movement.id)
  const asOf = withSheet.map((count) => count.asOf)
  const bases = new Map(
    (await database.query<CountBase>(COUNT_BASES, [ids, asOf])).map((base) => [base.id, base]),
  )
  findings.count('counts by a sheet that found a difference', withSheet.length)
  for (const { tag, movement, ...row } of counted) {
    const base = bases.get(movement.id)
    const expected =
      row.asOf == null
        ? movement.delta + row.qty - movement.onHandAfter
        : row.qty - (base?.known ?? 0) - (base?.since ?? 0)
    if (movement.delta !== expected) {
      const detail = JSON.stringify({ row, movement, base, expected })
      findings.violate('a count corrects what its sheet knew', tag, detail)
    }
  }
}

type FinalRules = { sku: string; location: string | null; qty: number }

const RULES = `select sku, null as location, low_stock_at::float8 as qty from items where low_stock_at is not null
  union all select sku, location, safety_stock::float8 from stock_levels`

/** The rules that hold are those that were set last. */
async function checkRules(database: Reader, { rules }: History, findings: Findings): Promise<void> {
  findings.count('setStockRules: done', rules.filter(({ isDone }) => isDone).length)
  const final = await database.query<FinalRules>(RULES)
  for (const { sku, location, safetyStock, lowStockAt } of rules.filter(({ isLast }) => isLast)) {
    const at = safetyStock === undefined ? null : location
    const holds = final.find((rule) => rule.sku === sku && rule.location === at)
    if (holds?.qty !== (safetyStock ?? lowStockAt)) {
      const detail = JSON.stringify({ sku, location, safetyStock, lowStockAt, holds })
      findings.violate('the rules are those that were set last', sku, detail)
    }
  }
}
