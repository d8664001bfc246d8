import type { Reader } from './database.ts'
import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { History, Intent } from './history.ts'

/** Invariants 4 and 5: what clients were told is there, what they were refused is not, and there is nothing else. */
export async function checkClaims(
  database: Reader,
  history: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): Promise<void> {
  const keys = await database.query<{ key: string; id: string }>(
    `select key, order_id::text as id from idempotency_keys where verb = 'createOrder'`,
  )
  checkIntents(history, orders, new Map(keys.map(({ key, id }) => [key, id])), findings)
  await checkAdjustments(database, history, findings)
}

function checkIntents(
  { intents }: History,
  orders: ReadonlyMap<string, FinalOrder>,
  keys: ReadonlyMap<string, string>,
  findings: Findings,
): void {
  const known = new Set<string>()
  let doubtfulWithoutKey = 0
  for (const intent of intents) {
    const { key, lines, locations, ifShort, holdSeconds, expected, ids, version, status, doubtful } = intent
    const subject = key ?? 'a call without key'
    if (key === null) doubtfulWithoutKey += doubtful
    if (ids.length > 1) findings.violate('one key gives one order', subject, ids.join(', '))
    for (const id of ids) {
      findings.count('orders acknowledged')
      known.add(id)
      const order = orders.get(id)
      const sent = JSON.stringify([lines, locations, ifShort, holdSeconds !== null])
      const detail = `answered to ${sent}, ${status} as ${version}: ${JSON.stringify(order)}`
      if (!order) findings.violate('an acknowledged order exists', id, `answered to ${subject}`)
      else if (asSent(order, intent) !== sent) {
        findings.violate('an acknowledged order is as it was sent', id, detail)
      } else if (order.version < version) {
        findings.violate('no version is taken back', id, detail)
      } else if (order.events[version - 1]?.to !== status) {
        findings.violate('a call is answered with what was', id, detail)
      }
    }
    if (key === null) continue
    const kept = keys.get(key)
    if (kept) known.add(kept)
    if (expected !== 'an order' && kept) {
      findings.violate('a refused call leaves nothing', key, `order ${kept}`)
    }
    for (const id of ids) {
      if (kept !== id) findings.violate('a key keeps its order', key, `${kept}, answered ${id}`)
    }
  }
  const unknown = [...orders.keys()].filter((id) => !known.has(id))
  findings.count('orders of calls without key that were never answered', unknown.length)
  if (unknown.length > doubtfulWithoutKey) {
    const detail = `${doubtfulWithoutKey} calls without key and answer`
    findings.violate('no order but those that were sent', `${unknown.length} orders`, detail)
  }
}

/** What of an order its client has said. One that lost its promise waits from then on, whatever it was to do before. */
function asSent(
  { lines, locations, ifShort: isNow, isHold, events }: FinalOrder,
  { ifShort: was }: Intent,
): string {
  const ifShort = isNow === 'WAIT' && events.some(({ type }) => type === 'OrderUnreserved') ? was : isNow
  return JSON.stringify([lines.map(({ sku, qty }) => ({ sku, qty })), locations, ifShort, isHold])
}

async function checkAdjustments(
  database: Reader,
  { adjustments }: History,
  findings: Findings,
): Promise<void> {
  const rows = await database.query<{ reason: string; level: string; deltas: number[] }>(
    `select reason, min(sku || ' at ' || location) as level, array_agg(delta) as deltas
    from inventory_movements where type = 'ADJUSTMENT' and reason like 'chaos %' group by reason`,
  )
  const made = new Map(rows.map((row) => [row.reason, row]))
  for (const { reason, sku, location, delta, outcome } of adjustments) {
    findings.count(`adjustments ${outcome}`)
    const row = made.get(reason)
    made.delete(reason)
    const times = row?.deltas.length ?? 0
    const isRight = outcome === 'doubtful' ? times <= 1 : times === (outcome === 'done' ? 1 : 0)
    const isSame = !row || (row.level === `${sku} at ${location}` && row.deltas[0] === delta)
    if (!isRight || !isSame) {
      const detail = JSON.stringify({ sku, location, delta, outcome, row })
      findings.violate('an adjustment is made as it was answered', reason, detail)
    }
  }
  for (const [reason, row] of made) {
    findings.violate('no adjustment but those that were sent', reason, JSON.stringify(row))
  }
}
