import { findBreaches } from '../src/sql/find-breaches.ts'
import type { ChaosDatabase } from './database.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { HostileSupplier, SupplierRecord } from './hostile-supplier.ts'

type OrderRow = {
  id: string
  sku: string
  qty: number
  status: string
  version: number
  reason: string | null
  brought: boolean
  statuses: string[]
}

const ORDERS = `select orders.id::text, orders.sku, orders.qty, orders.status::text, orders.version,
    orders.failure_reason::text as reason,
    exists (select from inventory_movements as moved where moved.order_id = orders.id and moved.type = 'SUPPLIER_RECEIPT') as brought,
    array(select to_status::text from order_events where order_id = orders.id order by version) as statuses
  from orders`

/** What the supplier has to have in its books for an order that failed for this reason. */
const FAILED_PLANS: Record<string, string> = {
  SUPPLIER_REFUSED: 'refused',
  SUPPLIER_FAILED: 'fail',
  SUPPLIER_DELAYED: 'delayed',
}

/** Holds what the database has at the end against what clients and supplier know, and against itself. */
export async function checkAll(
  database: ChaosDatabase,
  history: History,
  supplier: HostileSupplier,
  findings: Findings,
): Promise<void> {
  for (const { invariant, subject, detail } of await database.withClient(findBreaches)) {
    findings.violate(`invariant: ${invariant}`, subject, detail)
  }
  const rows = await database.query<OrderRow>(ORDERS)
  const orders = new Map(rows.map((row) => [row.id, row]))
  const keys = new Map(
    (
      await database.query<{ key: string; id: string }>(
        'select key, order_id::text as id from idempotency_keys',
      )
    ).map(({ key, id }) => [key, id]),
  )
  findings.count('orders', orders.size)
  for (const { status, reason } of rows) findings.count(`orders ${status} ${reason ?? ''}`.trim())
  checkIntents(history, orders, keys, findings)
  checkViews(history, orders, findings)
  checkSupplier(supplier.records, orders, findings)
  await checkAdjustments(database, history, findings)
}

function checkIntents(
  { intents }: History,
  orders: ReadonlyMap<string, OrderRow>,
  keys: ReadonlyMap<string, string>,
  findings: Findings,
): void {
  const known = new Set<string>()
  let doubtfulWithoutKey = 0
  for (const { key, sku, qty, expected, ids, version, doubtful } of intents) {
    const subject = key ?? 'a call without key'
    if (key === null) doubtfulWithoutKey += doubtful
    for (const id of ids) {
      findings.count('orders acknowledged')
      known.add(id)
      const order = orders.get(id)
      if (!order) findings.violate('an acknowledged order exists', id, `answered to ${subject}`)
      else if (order.sku !== sku || order.qty !== qty) {
        findings.violate(
          'an acknowledged order is as it was sent',
          id,
          `${JSON.stringify(order)} for ${qty} of ${sku}`,
        )
      } else if (order.version < version) {
        findings.violate('no version is taken back', id, `${order.version}, answered ${version}`)
      }
    }
    if (key === null) continue
    const kept = keys.get(key)
    if (kept) known.add(kept)
    if (expected !== 'an order' && kept)
      findings.violate('a refused call leaves nothing', key, `order ${kept}`)
    for (const id of ids)
      if (kept !== id) findings.violate('a key keeps its order', key, `${kept}, answered ${id}`)
  }
  const unknown = [...orders.keys()].filter((id) => !known.has(id))
  findings.count('orders of calls without key that were never answered', unknown.length)
  if (unknown.length > doubtfulWithoutKey) {
    findings.violate(
      'no order but those that were sent',
      `${unknown.length} orders`,
      `${doubtfulWithoutKey} calls`,
    )
  }
}

function checkViews({ views }: History, orders: ReadonlyMap<string, OrderRow>, findings: Findings): void {
  for (const { orderId, seen, connections, isDone } of views) {
    findings.count('views')
    findings.count('connections of views', connections)
    const order = orders.get(orderId)
    const newest = seen.at(-1)
    if (!isDone || newest?.version !== order?.version) {
      const detail = `saw ${JSON.stringify(seen)} by ${connections} connections, order ${JSON.stringify(order)}`
      findings.violate('a watcher sees the newest version', orderId, detail)
    }
    for (const { version, status } of seen) {
      if (order?.statuses[version - 1] !== status) {
        findings.violate(
          'a watcher sees what was',
          orderId,
          `${status} as ${version}: ${JSON.stringify(order)}`,
        )
      }
    }
  }
}

function checkSupplier(
  records: ReadonlyMap<string, SupplierRecord>,
  orders: ReadonlyMap<string, OrderRow>,
  findings: Findings,
): void {
  const ofOrder = new Map<string, SupplierRecord>()
  for (const [key, record] of records) {
    findings.count('supplier: requests', record.requests)
    findings.count('supplier: requests repeated under their key', record.requests - 1)
    if (ofOrder.has(record.orderId)) {
      findings.violate('the supplier delivers once an order', record.orderId, `again as ${key}`)
    }
    ofOrder.set(record.orderId, record)
    const order = orders.get(record.orderId)
    if (!order || order.sku !== record.sku || order.qty !== record.qty) {
      findings.violate('the supplier is asked for orders as they are', key, JSON.stringify({ record, order }))
    }
  }
  for (const order of orders.values()) {
    const record = ofOrder.get(order.id)
    const plan = record?.plan ?? 'never asked'
    if (order.brought && !['ok', 'late', 'later'].includes(plan)) {
      findings.violate('what came in was delivered', order.id, `the supplier's plan: ${plan}`)
    }
    const expected = FAILED_PLANS[order.reason ?? '']
    if (expected && plan !== expected) {
      findings.violate(
        'an order fails for the reason it has',
        order.id,
        `${order.reason}, the supplier's plan: ${plan}`,
      )
    }
  }
}

async function checkAdjustments(
  database: ChaosDatabase,
  { adjustments }: History,
  findings: Findings,
): Promise<void> {
  const rows = await database.query<{ reason: string; sku: string; deltas: number[] }>(
    `select reason, min(sku) as sku, array_agg(delta) as deltas from inventory_movements where type = 'ADJUSTMENT' group by reason`,
  )
  const made = new Map(rows.map((row) => [row.reason, row]))
  for (const { reason, sku, delta, outcome } of adjustments) {
    findings.count(`adjustments ${outcome}`)
    const row = made.get(reason)
    made.delete(reason)
    const times = row?.deltas.length ?? 0
    const isRight = outcome === 'doubtful' ? times <= 1 : times === (outcome === 'done' ? 1 : 0)
    const isSame = !row || (row.sku === sku && row.deltas[0] === delta)
    if (!isRight || !isSame) {
      findings.violate(
        'an adjustment is made as it was answered',
        reason,
        JSON.stringify({ sku, delta, outcome, row }),
      )
    }
  }
  for (const [reason, row] of made) {
    findings.violate('no adjustment but those that were sent', reason, JSON.stringify(row))
  }
}
