import type { Reader } from './checks.ts'
import type { Findings } from './findings.ts'

/** What one transaction did at one SKU: an order that it found short, or a movement. */
type Entry = {
  sku: string
  /** The transaction. */
  tx: string
  /** When it was committed, in microseconds. */
  committedAt: string | null
  /** Of a movement: its place in the ledger. Null for an order that was found short. */
  ledgerId: string | null
  orderId: string | null
  type: string
  delta: number
  availableAfter: number
}

// A row's xmin is the transaction that wrote it, and neither table is ever updated.
const ENTRIES = `
  select entries.*, entries.xmin::text as tx,
    (extract(epoch from pg_xact_commit_timestamp(entries.xmin)) * 1000000)::int8::text as "committedAt"
  from (
    select orders.sku, order_events.xmin, null as "ledgerId", orders.id::text as "orderId", 'short' as type,
      -orders.qty as delta, 0 as "availableAfter"
    from order_events join orders on orders.id = order_events.order_id
    where order_events.to_status = 'AWAITING_RESTOCK'
    union all
    select sku, xmin, id::text, order_id::text, type::text, delta, available_after::float8 from inventory_movements
  ) as entries
  order by sku, pg_xact_commit_timestamp(entries.xmin), tx, ("ledgerId" is null), "ledgerId"::int8`

/**
 * Invariant 10: stock that was there is never refused, and within a batch orders take their turn in the order of creation.
 *
 * Whoever decides about a SKU holds its lock until it has committed. So the times of the commits, which PostgreSQL keeps,
 * say exactly in which order it was decided and what was there each time. Each decision is made again here and has to
 * come out alike.
 */
export async function checkTurns(database: Reader, findings: Findings): Promise<void> {
  const entries = await database.query<Entry>(ENTRIES)
  let available = 0
  let lastId = 0n
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const { sku, tx, committedAt } = entries[start]!
    while (entries[end]?.sku === sku && entries[end]?.tx === tx) end++
    const decided = entries.slice(start, end)
    if (sku !== entries[start - 1]?.sku) {
      available = 0
      lastId = 0n
    }
    if (committedAt === null) {
      findings.violate('each decision has its time', sku, JSON.stringify(decided))
    }
    decideAgain(decided, available, findings)
    for (const { ledgerId, availableAfter } of decided) {
      if (ledgerId === null) continue
      if (BigInt(ledgerId) <= lastId) {
        findings.violate('the ledger runs in the order of the changes', sku, `${ledgerId} after ${lastId}`)
      }
      lastId = BigInt(ledgerId)
      available = availableAfter
    }
  }
}

/** @param available what there was before the transaction */
function decideAgain(decided: readonly Entry[], available: number, findings: Findings): void {
  const supplied = new Set(
    decided.filter(({ type }) => type === 'SUPPLIER_RECEIPT').map(({ orderId }) => orderId),
  )
  const claims = decided
    .filter(({ type, orderId }) => type === 'short' || (type === 'RESERVATION' && !supplied.has(orderId)))
    .sort((one, other) => (one.orderId! < other.orderId! ? -1 : 1))
  let left = available
  for (const { sku, type, delta, orderId } of claims) {
    const fits = left + delta >= 0
    if (fits !== (type !== 'short')) {
      const detail = `${orderId} wanted ${-delta} of ${left} and was ${fits ? 'refused' : 'reserved'}: ${JSON.stringify(claims)}`
      findings.violate('stock that was there is never refused, in the order of creation', sku, detail)
    }
    if (type !== 'short') left += delta
  }
  findings.count('decisions made again', claims.length)
}
