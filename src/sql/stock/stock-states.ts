import type { StockLevel } from '../../domain/stock/stock.ts'
import type { Judgement, StockCrossing } from '../../domain/stock/thresholds.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

/**
 * Writes the new states of SKUs, and the thresholds that they crossed to the newest movement of each. Skips SKUs whose queue is being
 * served: they are judged afterwards. The caller holds the locks of all levels and has written the movements.
 *
 * @returns the crossings that were written
 */
export async function writeStates(on: Queryable, judgements: readonly Judgement[]): Promise<StockCrossing[]> {
  if (judgements.length === 0) return []
  return write(
    on,
    quotedArray(judgements.map(({ sku }) => sku)),
    plainArray(judgements.map(({ isLow }) => isLow)),
    plainArray(judgements.map(({ isOut }) => isOut)),
    quotedArray(judgements.map(({ crossed }) => crossed.join())),
  )
}

// The stream may have sent a movement of an earlier transaction already: it sends it again, under a number of its own.
const write = prepare<string[], StockCrossing>(
  'write-stock-states',
  `with judged as (
    select sku, is_low, is_out, string_to_array(crossed, ',')::stock_threshold[] as crossed
    from unnest($1::text[], $2::boolean[], $3::boolean[], $4::text[]) as judgement (sku, is_low, is_out, crossed)
    where not exists (select from serving where serving.sku = judgement.sku)
  ), kept as (
    update items set is_low = judged.is_low, is_out = judged.is_out from judged where items.sku = judged.sku
  )
  update inventory_movements as movements
  set
    crossed = judged.crossed,
    crossed_id = case when movements.xid <> pg_current_xact_id() then nextval('inventory_movements_id_seq') end
  from judged
  where judged.crossed <> '{}' and movements.id = (
    select newest.id from inventory_movements as newest
    where newest.sku = judged.sku order by newest.sku desc, newest.id desc limit 1
  )
  returning judged.sku, judged.crossed::text[]`,
)

/** Sets the safety stock of a level. The caller has locked the level. */
export async function setSafetyStock(
  on: Queryable,
  { sku, location, safetyStock }: Pick<StockLevel, 'sku' | 'location' | 'safetyStock'>,
): Promise<void> {
  await setSafety(on, sku, location, safetyStock)
}

const setSafety = prepare<[sku: string, location: string, safetyStock: bigint]>(
  'set-safety-stock',
  'update stock_levels set safety_stock = $3 where sku = $1 and location = $2',
)

/** Sets the promisable quantity at which a SKU is low; null for never. The caller has locked its levels. */
export async function setLowStockAt(on: Queryable, sku: string, lowStockAt: bigint | null): Promise<void> {
  await setLow(on, sku, lowStockAt)
}

const setLow = prepare<[sku: string, lowStockAt: bigint | null]>(
  'set-low-stock-at',
  'update items set low_stock_at = $2, is_low = is_low and $2::bigint is not null where sku = $1',
)

/** Whether a SKU is low or out by its current levels and rules. */
export type ActualState = Pick<Judgement, 'sku' | 'isLow' | 'isOut'>

// for the SKUs in $1
const ACTUAL = `(
    select
      items.sku,
      coalesce(coalesce(sum(promisable.qty), 0) <= items.low_stock_at, false) as is_low,
      coalesce(sum(promisable.qty), 0) = 0 as is_out
    from (select distinct unnest($1::text[]) as sku) as wanted
    join items on items.sku = wanted.sku
    left join (
      select stock_levels.sku, stock_levels.available - stock_levels.safety_stock as qty
      from stock_levels join locations on locations.code = stock_levels.location
      where locations.is_active and stock_levels.available > stock_levels.safety_stock
    ) as promisable on promisable.sku = items.sku
    group by items.sku
  )`

/** Reads the actual states of SKUs. The caller has locked a level of each, and keeps them for `adoptStates`. */
export function readActualStates(on: Queryable, skus: readonly string[]): Promise<ActualState[]> {
  return skus.length > 0 ? readActual(on, quotedArray(skus)) : Promise.resolve([])
}

const readActual = prepare<[skus: string], ActualState>(
  'read-actual-states',
  `select sku, is_low as "isLow", is_out as "isOut" from ${ACTUAL} as actual`,
)

/**
 * Takes over what a change of rules does to the states of SKUs, and crosses nothing: only where the actual state differs from before.
 * What else has changed since a SKU was last judged, while its queue is being served, is still crossed afterwards.
 *
 * @param before the result of `readActualStates` before the change
 */
export async function adoptStates(on: Queryable, before: readonly ActualState[]): Promise<void> {
  if (before.length === 0) return
  await adopt(
    on,
    quotedArray(before.map(({ sku }) => sku)),
    plainArray(before.map(({ isLow }) => isLow)),
    plainArray(before.map(({ isOut }) => isOut)),
  )
}

const adopt = prepare<[skus: string, areLow: string, areOut: string]>(
  'adopt-stock-states',
  `update items set
    is_low = case when now.is_low = was.is_low then items.is_low else now.is_low end,
    is_out = case when now.is_out = was.is_out then items.is_out else now.is_out end
  from unnest($1::text[], $2::boolean[], $3::boolean[]) as was (sku, is_low, is_out)
  join ${ACTUAL} as now on now.sku = was.sku
  where items.sku = was.sku and (now.is_low, now.is_out) <> (was.is_low, was.is_out)`,
)

/**
 * Sets the states of SKUs to their actual states, and crosses nothing. Skips SKUs whose queue is being served. The caller has locked
 * a level of each.
 */
export async function resetStates(on: Queryable, skus: readonly string[]): Promise<void> {
  if (skus.length > 0) await reset(on, quotedArray(skus))
}

const reset = prepare<[skus: string]>(
  'reset-stock-states',
  `update items set is_low = now.is_low, is_out = now.is_out
  from ${ACTUAL} as now
  where items.sku = now.sku
    and not exists (select from serving where serving.sku = now.sku)
    and exists (select from inventory_movements as movements where movements.sku = now.sku)`,
)
