import type { Reader } from './database.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'

/** What one transaction did at one SKU: an order that it found short, or a movement. */
type Entry = {
  sku: string
  /** The transaction. */
  tx: string
  /** When it was committed, in microseconds. */
  committedAt: string | null
  /** Of a movement: its place in the ledger. Null for an order that was found short. */
  ledgerId: string | null
  location: string | null
  orderId: string | null
  /** Of the order: where alone it may take from. */
  locations: string[] | null
  /**
   * `short`, `taken` or `served` for what a new or a waiting order took from what there was, `unreserved` for what an order
   * gave back that waits for it again, `left` for one that waits no more or for less, or a type of movement.
   */
  type: string
  /** Of what was taken: whether it was the order's turn. Of what was short: whether the order waits for its next. */
  isTurn: boolean
  /** Whether the order has no other line. */
  isOneLine: boolean
  delta: number
  availableAfter: number
}

/** A line that waits. */
type Waiter = { qty: number; locations: string[] | null }

// By the transaction that each row names. A row's xmin is another one where it was written behind a savepoint, or updated since.
const ENTRIES = `
  select entries.*, orders.locations, (
      select count(*) = 1 from order_lines where order_lines.order_id = entries."orderId"
    ) as "isOneLine", entries.xid::text as tx,
    (extract(epoch from pg_xact_commit_timestamp(entries.xid::xid)) * 1000000)::int8::text as "committedAt"
  from (
    select line ->> 'sku' as sku, events.xid, null as "ledgerId", null as location, events.order_id as "orderId",
      'short' as type, -(line ->> 'qty')::int as delta, 0 as "availableAfter",
      events.type = 'OrderAwaitingRestock' as "isTurn"
    from order_events as events cross join lateral jsonb_array_elements(events.lines) as line
    -- an order that fails names beside them what else it gave up
    where (events.type = 'OrderAwaitingRestock' or events.reason = 'OUT_OF_STOCK') and line ? 'missing'
    union all
    select line ->> 'sku', events.xid, null, null, events.order_id, 'unreserved', -(line ->> 'qty')::int, 0, true
    from order_events as events cross join lateral jsonb_array_elements(events.lines) as line
    where events.type = 'OrderUnreserved'
    union all
    select sku, events.xid, null, null, events.order_id, 'left', 0, 0, false
    from order_events as events join order_lines using (order_id)
    where events.from_status in ('AWAITING_RESTOCK', 'PARTIALLY_SHIPPED')
      and events.type not in ('OrderConfirmed', 'HoldExtended', 'OrderReturned')
    union all
    select sku, moved.xid, moved.id::text, location, moved.order_id,
      case
        when moved.type <> 'RESERVATION' then moved.type::text
        when events.from_status = 'PENDING' then 'taken'
        -- what a supplier brings for a line goes to it whatever there was
        when exists (
          select from inventory_movements as received
          where received.type = 'SUPPLIER_RECEIPT' and received.order_id = moved.order_id and received.sku = moved.sku
            and received.xid = moved.xid
        ) then 'delivered'
        else 'served'
      end,
      delta, available_after::float8, coalesce(events.type in ('OrderReserved', 'OrderAwaitingRestock'), false)
    from inventory_movements as moved
    left join order_events as events on events.order_id = moved.order_id and events.version = moved.order_version
  ) as entries
  left join orders on orders.id = entries."orderId"
  order by sku, pg_xact_commit_timestamp(entries.xid::xid), tx, ("ledgerId" is null), "ledgerId"::int8`

const CLOSED = 'select code from locations where not is_active'

/**
 * Invariants 7 and 11: stock that was there is never refused, nobody who waits is passed over for a newer order if it fits, and
 * within a batch orders take their turn in the order of creation. Who waits for several SKUs is left out: whether it fits is
 * not for one of them to say.
 *
 * Whoever decides about a SKU holds its lock until it has committed. So the times of the commits, which PostgreSQL keeps,
 * say exactly in which order it was decided and what was there each time. Each decision is made again here and has to
 * come out alike.
 */
export async function checkTurns(
  database: Reader,
  { rules }: Pick<History, 'rules'>,
  findings: Findings,
): Promise<void> {
  const entries = await database.query<Entry>(ENTRIES)
  const closed = new Set((await database.query<{ code: string }>(CLOSED)).map(({ code }) => code))
  const guards = new Map<string, number>()
  for (const { sku, safetyStock = 0 } of rules) {
    guards.set(sku, Math.max(guards.get(sku) ?? 0, safetyStock))
  }
  /** Of the SKU, by location. */
  let available = new Map<string, number>()
  let lastIds = new Map<string, bigint>()
  let waiting = new Map<string, Waiter>()
  for (let start = 0, end = 0; start < entries.length; start = end) {
    const { sku, tx, committedAt } = entries[start]!
    while (entries[end]?.sku === sku && entries[end]?.tx === tx) end++
    const decided = entries.slice(start, end)
    if (sku !== entries[start - 1]?.sku) {
      available = new Map()
      lastIds = new Map()
      waiting = new Map()
    }
    if (committedAt === null && decided.some(({ type }) => type !== 'left')) {
      findings.violate('each decision has its time', sku, JSON.stringify(decided))
    }
    decideAgain(decided, { available, waiting, closed, guard: guards.get(sku) ?? 0 }, findings)
    for (const { ledgerId, location, availableAfter } of decided) {
      if (ledgerId === null) continue
      const lastId = lastIds.get(location!) ?? 0n
      if (BigInt(ledgerId) <= lastId) {
        const detail = `${ledgerId} after ${lastId} at ${location}`
        findings.violate('the ledger runs in the order of the changes', sku, detail)
      }
      lastIds.set(location!, BigInt(ledgerId))
      available.set(location!, availableAfter)
    }
  }
}

/**
 * @param available what there was at each location before the transaction
 * @param waiting who waited before it, by order; who waits after it, then
 * @param guard what may have been kept back at each location by a rule, of which the ledger does not tell
 */
function decideAgain(
  decided: readonly Entry[],
  {
    available,
    waiting,
    closed,
    guard,
  }: {
    available: ReadonlyMap<string, number>
    waiting: Map<string, Waiter>
    closed: ReadonlySet<string>
    guard: number
  },
  findings: Findings,
): void {
  const left = new Map(available)
  const isOpen = (location: string, locations: string[] | null) =>
    !closed.has(location) && (locations?.includes(location) ?? true)
  const thereFor = (locations: string[] | null, kept = 0) =>
    [...left].reduce(
      (sum, [location, some]) => (isOpen(location, locations) ? sum + Math.max(0, some - kept) : sum),
      0,
    )
  const claims = Map.groupBy(
    decided.filter(({ type }) => type === 'short' || type === 'taken' || type === 'served'),
    ({ orderId }) => orderId!,
  )
  // who is served takes its turn below; the others have left before
  for (const { type, orderId } of decided) {
    if (type === 'left' && !claims.has(orderId!)) waiting.delete(orderId!)
  }
  for (const [orderId, claim] of [...claims].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const { sku, type, locations, isTurn, isOneLine } = claim[0]!
    const qty = claim.reduce((sum, { delta }) => sum - delta, 0)
    const there = thereFor(locations)
    const mustFit = thereFor(locations, guard) >= qty
    const detail = `${orderId} wanted ${qty} of ${there} and was ${type}: ${JSON.stringify(decided)}`
    if (type === 'short' ? mustFit : there < qty) {
      findings.violate('stock that was there is never refused, in the order of creation', sku, detail)
    }
    if (type === 'short') {
      if (isOneLine && isTurn) waiting.set(orderId, { qty, locations })
      continue
    }
    waiting.delete(orderId)
    for (const [olderId, older] of isTurn ? waiting : []) {
      if (olderId > orderId || older.qty > thereFor(older.locations, guard)) continue
      findings.violate(
        'who waits is served before newer orders',
        sku,
        `${olderId} waited for ${older.qty}: ${detail}`,
      )
    }
    for (const { location, delta } of claim) {
      if (!isOpen(location!, locations)) findings.violate('an order takes from where it may', sku, detail)
      left.set(location!, left.get(location!)! + delta)
    }
  }
  for (const { type, orderId, delta, locations, isOneLine } of decided) {
    // of a line that was held at several locations there are several
    if (type === 'unreserved' && isOneLine)
      waiting.set(orderId!, { qty: (waiting.get(orderId!)?.qty ?? 0) - delta, locations })
  }
  findings.count('decisions made again', claims.size)
}
