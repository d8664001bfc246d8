import type { Reader } from './database.ts'
import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { Deed, History, Line } from './history.ts'

/** What a call has left under its tag: the versions that it made of orders. */
type Made = { tag: string; orderId: string; version: number; type: string; lines: Line[] | null }

const MADE = `select note as tag, order_id::text as "orderId", version, type::text, lines from order_events
  -- the note of this one is the reason of a change of stock
  where note is not null and type <> 'OrderUnreserved'
  union all
  select distinct shipments.reference, shipments.order_id::text, order_version, events.type::text, events.lines
  from shipments join order_events as events on events.order_id = shipments.order_id and events.version = order_version`

/** What becomes of an order by a verb. */
const EVENTS: Record<Deed['verb'], string> = {
  cancelOrder: 'OrderCancelled',
  shipOrder: 'OrderShipped',
  undoShipment: 'ShipmentUndone',
  returnOrder: 'OrderReturned',
  confirmOrder: 'OrderConfirmed',
  extendHold: 'HoldExtended',
}
/** These leave no tag: how often each was made is all that can be told. */
const UNTAGGED: readonly Deed['verb'][] = ['confirmOrder', 'extendHold']

const ENDED = ['CANCELLED', 'EXPIRED', 'FAILED']

type Key = { key: string; verb: string; orderId: string }

/**
 * Each change of an order that clients asked for took effect once where they were told so, never where they were refused, and
 * not in any other way. What orders have shipped and taken back is what clients were told.
 */
export async function checkDeeds(
  database: Reader,
  history: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): Promise<void> {
  const made = Map.groupBy(await database.query<Made>(MADE), ({ tag }) => tag)
  const keys = await database.query<Key>(
    `select key, verb, order_id::text as "orderId" from idempotency_keys where verb <> 'createOrder'`,
  )
  const keyOf = new Map(keys.map((key) => [key.key, key]))
  for (const deed of history.deeds) {
    const kind = deed.isDone ? 'done' : deed.refusals.length > 0 ? 'refused' : 'doubtful'
    findings.count(`${deed.verb}: ${kind}`)
    checkDeed(deed, made.get(deed.tag) ?? [], keyOf.get(deed.tag), orders.get(deed.orderId), findings)
    made.delete(deed.tag)
  }
  for (const [tag, versions] of made) {
    findings.violate('no change of an order but those that were sent', tag, JSON.stringify(versions))
  }
  checkTold(history, orders, findings)
  checkHolds(history, orders, findings)
}

function checkDeed(
  deed: Deed,
  made: readonly Made[],
  key: Key | undefined,
  order: FinalOrder | undefined,
  findings: Findings,
): void {
  const { verb, tag, lines, orderId, isDone, doubtful } = deed
  const detail = JSON.stringify({ deed, made, key, order })
  if (made.length > 1) findings.violate('a change is made once', tag, detail)
  const isWrong = ({ type, orderId: changed }: Made) => type !== EVENTS[verb] || changed !== orderId
  if (made.some(isWrong)) findings.violate('a change is the one that was asked for', tag, detail)
  // what had ended already is left as it is, for ever
  const canBeEnded = verb === 'cancelOrder' && lines === null && ENDED.includes(order?.status ?? '')
  const canBeNothing = canBeEnded || UNTAGGED.includes(verb)
  const isMade = made.length > 0
  if (isDone && !isMade && !canBeNothing)
    findings.violate('a change that was acknowledged is made', tag, detail)
  if (!isDone && isMade && (deed.key !== null || doubtful === 0)) {
    findings.violate('a refused call leaves nothing', tag, detail)
  }
  const [event] = made
  if (event && lines && JSON.stringify(sumUp(event.lines ?? order!.lines)) !== JSON.stringify(sumUp(lines))) {
    findings.violate('a change is the one that was asked for', tag, detail)
  }
  if (deed.key === null) return
  if (isDone !== (key?.verb === verb && key.orderId === orderId)) {
    findings.violate('a key keeps what its call made', tag, detail)
  }
}

/** Of each line, what clients were told is what there is, and no more has been promised, shipped or taken back than there was. */
function checkTold({ deeds }: History, orders: ReadonlyMap<string, FinalOrder>, findings: Findings): void {
  const done = Map.groupBy(
    deeds.filter(({ isDone }) => isDone),
    ({ orderId }) => orderId,
  )
  for (const order of orders.values()) {
    const own = done.get(order.id) ?? []
    const undone = own.flatMap(({ shipmentId }) => shipmentId ?? [])
    if (new Set(undone).size < undone.length) {
      findings.violate('a shipment is undone once', order.id, JSON.stringify(own))
    }
    const shipped = own
      .flatMap(({ shipments }) => shipments)
      .flatMap(({ id, lines }) => (undone.includes(id) ? [] : lines))
    const returned = own.flatMap(({ verb, lines }) => (verb === 'returnOrder' ? lines! : []))
    for (const line of order.lines) {
      const told = { shipped: qtyOf(shipped, line.sku), returned: qtyOf(returned, line.sku) }
      if (told.shipped !== line.shipped || told.returned !== line.returned) {
        const detail = `${JSON.stringify(told)}, of ${JSON.stringify(order)} after ${JSON.stringify(own)}`
        findings.violate('what was shipped and came back is what clients were told', order.id, detail)
      }
    }
  }
}

/** Each hold was confirmed and extended as often as clients were told, and what was confirmed expired no more. */
function checkHolds({ deeds }: History, orders: ReadonlyMap<string, FinalOrder>, findings: Findings): void {
  const done = Map.groupBy(
    deeds.filter(({ isDone, verb }) => isDone && UNTAGGED.includes(verb)),
    ({ orderId }) => orderId,
  )
  for (const order of orders.values()) {
    const own = done.get(order.id) ?? []
    const types = order.events.map(({ type }) => type)
    for (const verb of UNTAGGED) {
      const told = own.filter((deed) => deed.verb === verb).length
      const made = types.filter((type) => type === EVENTS[verb]).length
      if (told !== made) {
        const detail = `${verb}: told ${told} times, made ${made} times: ${JSON.stringify({ order, own })}`
        findings.violate('a hold is changed as clients were told', order.id, detail)
      }
    }
    const confirmedAt = types.indexOf('OrderConfirmed')
    if (confirmedAt >= 0 && types.indexOf('OrderExpired') > confirmedAt) {
      findings.violate('what was confirmed expires no more', order.id, JSON.stringify(order))
    }
  }
}

export function qtyOf(lines: readonly Line[], sku: string): number {
  return lines.reduce((sum, line) => (line.sku === sku ? sum + line.qty : sum), 0)
}

function sumUp(lines: readonly Line[]): [sku: string, qty: number][] {
  const skus = [...new Set(lines.map(({ sku }) => sku))].sort()
  return skus.map((sku) => [sku, qtyOf(lines, sku)])
}
