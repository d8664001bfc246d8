import { qtyOf } from './check-deeds.ts'
import type { Reader } from './database.ts'
import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { History, Line } from './history.ts'
import type { SentFile, StockDeed } from './stock-history.ts'

/** Where an order, at some moment, would have held less than nothing of a SKU at a location. */
const OVERDRAWN = `select distinct order_id::text as id, sku, location from (
    select order_id, sku, location,
      sum(reserved_delta) over (partition by order_id, sku, location order by id) as held
    from inventory_movements where order_id is not null
  ) as steps where held < 0`

/**
 * Goods that came in for an order and that it did not get, and whether it had given them up, or was served from stock, before. By
 * the transaction that each row names: `xmin` is that of a threshold which a movement was found to cross later.
 */
const FREE = `select order_id::text as id, sku, exists (
    select from order_events as events
    where events.order_id = receipts.order_id and events.type in ('OrderCancelled', 'OrderExpired', 'OrderFailed')
      and (events.lines is null or events.lines @> jsonb_build_array(jsonb_build_object('sku', receipts.sku)))
      and pg_xact_commit_timestamp(events.xid::xid) <= pg_xact_commit_timestamp(receipts.xid::xid)
  ) or exists (
    select from inventory_movements as earlier
    where earlier.type = 'RESERVATION' and earlier.order_id = receipts.order_id and earlier.sku = receipts.sku
      and earlier.xid <> receipts.xid
      and pg_xact_commit_timestamp(earlier.xid::xid) <= pg_xact_commit_timestamp(receipts.xid::xid)
  ) as "isForNobody"
  from inventory_movements as receipts
  where receipts.type = 'SUPPLIER_RECEIPT' and not exists (
    select from inventory_movements as reserved
    where reserved.type = 'RESERVATION' and reserved.order_id = receipts.order_id and reserved.sku = receipts.sku
      and reserved.location = receipts.location and reserved.xid = receipts.xid and reserved.reserved_delta <= receipts.delta
  )`

/**
 * Invariants 1 and 2: orders give up, ship and keep what they hold and no more; stock is what came in, less what went out, by
 * what clients and the supplier were told; what came for nobody is free.
 */
export async function checkStock(
  database: Reader,
  history: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): Promise<void> {
  for (const { id, sku, location } of await database.query<{ id: string; sku: string; location: string }>(
    OVERDRAWN,
  )) {
    findings.violate('an order gives up and ships what it holds', id, `${sku} at ${location}`)
  }
  const free = await database.query<{ id: string; sku: string; isForNobody: boolean }>(FREE)
  findings.count('goods that came as free stock', free.length)
  for (const { id, sku, isForNobody } of free) {
    if (isForNobody) continue
    findings.violate('goods are for who waits for them', id, `${sku}: ${JSON.stringify(orders.get(id))}`)
  }
  await checkConservation(database, history, orders, findings)
}

async function checkConservation(
  database: Reader,
  { stock, deeds, adjustments, stockDeeds, files }: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): Promise<void> {
  const counted = await database.query<{ sku: string; onHand: number }>(
    'select sku, sum(available + reserved)::float8 as "onHand" from stock_levels group by sku',
  )
  // nobody can tell of those that were never answered: they are as the ledger has them
  const rows = await database.query<{ reason: string }>(
    `select reason from inventory_movements where type = 'ADJUSTMENT'`,
  )
  const made = new Set(rows.map(({ reason }) => reason))
  const done = deeds.filter(({ isDone }) => isDone)
  const undone = new Set(done.flatMap(({ shipmentId }) => shipmentId ?? []))
  const sent = done
    .flatMap(({ shipments }) => shipments)
    .flatMap(({ id, lines }) => (undone.has(id) ? [] : lines))
  const back = done
    .flatMap(({ verb, lines }) => (verb === 'returnOrder' ? lines! : []))
    .filter(({ disposition }) => disposition === 'RESTOCK')
  const adjusted = adjustments
    .filter(({ outcome, reason }) => outcome === 'done' || (outcome === 'doubtful' && made.has(reason)))
    .map(({ sku, delta }) => ({ sku, qty: delta }))
  const kept = await database.query<{ reason: string; sku: string; qty: number }>(
    `select reason, sku, sum(delta)::float8 as qty from inventory_movements
    where order_id is null and reason = any ($1) group by reason, sku`,
    [[...stockDeeds.filter(isUntold).map(({ tag }) => tag), ...files.filter(isUntold).map(({ tag }) => tag)]],
  )
  const changed = stockDeeds
    .flatMap(({ answer }) => answer?.results ?? [])
    .flatMap(({ movement }) => (movement ? [{ sku: movement.sku, qty: movement.delta }] : []))
  const delivered = [...orders.values()]
    .flatMap(({ requests }) => requests)
    .filter(({ state }) => state === 'DELIVERED')
  for (const [sku, before] of stock) {
    const expected =
      before +
      qtyOf([...adjusted, ...changed, ...kept, ...files.flatMap(importedOf)], sku) +
      qtyOf(delivered, sku) +
      qtyOf(back, sku) -
      qtyOf(sent, sku)
    const onHand = counted.find((row) => row.sku === sku)?.onHand
    if (onHand !== expected) {
      findings.violate(
        'stock is what came in less what went out',
        sku,
        `${onHand} on hand, ${expected} expected`,
      )
    }
  }
}

/** Whether clients cannot tell what became of it: it got no answer, or one that says only what is there now. */
function isUntold(sent: StockDeed | SentFile): boolean {
  return 'kind' in sent ? sent.kind === 'counted' || !sent.report : !sent.answer
}

/** What a file of deltas has added, by its report. */
function importedOf(file: SentFile): Line[] {
  if (isUntold(file)) return []
  const refused = new Set(file.report!.refused_rows.map(({ line }) => line))
  return file.rows
    .filter(({ line }) => !refused.has(line))
    .map(({ sku, cell }) => ({ sku, qty: Number(cell) }))
}
