import type { StockLevel } from '../../domain/stock/stock.ts'
import type { Judgement, StockCrossing } from '../../domain/stock/thresholds.ts'
import { plainArray, prepare, type Queryable, quotedArray } from '../statement.ts'

/**
 * Writes what the states of SKUs become, and what they crossed with the newest movement of each. SKUs that are being served are
 * left out: they are judged when that is over. The caller holds the locks of all levels, and has written the movements before.
 *
 * @returns what was crossed
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

// A movement of an earlier transaction may have been read from the stream already: it comes again, under a number of its own.
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

/** Sets what is never promised of a level, which is locked. */
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

/** Sets at which promisable quantity a SKU is low; null for never. Its levels are locked. */
export async function setLowStockAt(on: Queryable, sku: string, lowStockAt: bigint | null): Promise<void> {
  await setLow(on, sku, lowStockAt)
}

const setLow = prepare<[sku: string, lowStockAt: bigint | null]>(
  'set-low-stock-at',
  'update items set low_stock_at = $2, is_low = is_low and $2::bigint is not null where sku = $1',
)

/**
 * Sets the states of SKUs to what their levels and rules say, and crosses nothing. Nor does what is judged when one that is being
 * served is served no more. The caller has locked a level of each.
 */
export async function resetStates(on: Queryable, skus: readonly string[]): Promise<void> {
  if (skus.length > 0) await reset(on, quotedArray(skus))
}

const reset = prepare<[skus: string]>(
  'reset-stock-states',
  `update items set is_low = now.is_low, is_out = now.is_out
  from (
    select
      items.sku,
      coalesce(coalesce(sum(promisable.qty), 0) <= items.low_stock_at, false) as is_low,
      case
        when exists (select from serving where serving.sku = items.sku) then null
        when items.is_out is null and not exists (
          select from inventory_movements as movements where movements.sku = items.sku
        ) then null
        else coalesce(sum(promisable.qty), 0) = 0
      end as is_out
    from (select distinct unnest($1::text[]) as sku) as wanted
    join items on items.sku = wanted.sku
    left join (
      select stock_levels.sku, stock_levels.available - stock_levels.safety_stock as qty
      from stock_levels join locations on locations.code = stock_levels.location
      where locations.is_active and stock_levels.available > stock_levels.safety_stock
    ) as promisable on promisable.sku = items.sku
    group by items.sku
  ) as now
  where items.sku = now.sku and (items.is_low, items.is_out) is distinct from (now.is_low, now.is_out)`,
)
