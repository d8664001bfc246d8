import { expect } from 'vitest'
import { IF_SHORT, type Order } from '../../../src/domain/orders/order.ts'
import type { OrderChange, Refusal } from '../../../src/domain/orders/order-change.ts'
import type { EventLine } from '../../../src/domain/orders/order-event.ts'
import { waitingOf } from '../../../src/domain/orders/order-line.ts'
import { FAILURE_REASONS, statusOf } from '../../../src/domain/orders/order-status.ts'
import type { Shipment } from '../../../src/domain/orders/shipment.ts'
import { cancel } from '../../../src/domain/orders/verbs/cancel.ts'
import { confirm } from '../../../src/domain/orders/verbs/confirm.ts'
import { deliver } from '../../../src/domain/orders/verbs/deliver.ts'
import { expire } from '../../../src/domain/orders/verbs/expire.ts'
import { extend } from '../../../src/domain/orders/verbs/extend.ts'
import { fail } from '../../../src/domain/orders/verbs/fail.ts'
import { reopen } from '../../../src/domain/orders/verbs/reopen.ts'
import { reserve } from '../../../src/domain/orders/verbs/reserve.ts'
import { type Shipped, ship } from '../../../src/domain/orders/verbs/ship.ts'
import { takeBack } from '../../../src/domain/orders/verbs/take-back.ts'
import { unreserve } from '../../../src/domain/orders/verbs/unreserve.ts'
import { unship } from '../../../src/domain/orders/verbs/unship.ts'
import { type Allocation, allocate, mergeAllocations } from '../../../src/domain/stock/allocation.ts'
import { aLevel, aLocation, anOrder, NOW } from '../../support/orders.ts'

// Every order of two lines, of 2 and 1 pieces, under every verb with everything that can be asked of it, from its creation
// on: what they come to is compared with the table of events.

const LOCATIONS = [aLocation('EAST'), aLocation('MAIN')]
const QTYS = { A: [0, 1, 2], B: [0, 1] }

/**
 * All that is known of an order: with its stock, with what it shipped, with what it gave up when it failed, and whether it asked
 * suppliers before its promises were taken back.
 */
type Life = {
  order: Order
  held: Allocation[]
  shipments: Shipment[]
  gaveUp: readonly EventLine[]
  isAsking: boolean
}

const EXPIRY = new Date(NOW.getTime() + 60_000)

const BIRTHS: Life[] = IF_SHORT.flatMap((ifShort) =>
  [null, EXPIRY].map((expiresAt) => {
    const order = anOrder({ A: 2, B: 1 }, { ifShort, expiresAt })
    return { order, held: [], shipments: [], gaveUp: [], isAsking: ifShort === 'ASK_SUPPLIER' }
  }),
)

/** Levels with so many available of each SKU, at each location. */
function levels(a: number, b: number, c: number, d: number) {
  const figures = { 'A EAST': a, 'A MAIN': b, 'B EAST': c, 'B MAIN': d }
  return Object.entries(figures).map(([key, available]) => {
    const [sku = '', location = ''] = key.split(' ')
    return aLevel(sku, location, available)
  })
}

/** Lines of a request: every quantity of A with every one of B, none left out but nothing at all. */
const SOME_OF_EACH = QTYS.A.flatMap((a) => QTYS.B.map((b) => linesOf({ A: a, B: b }))).filter(
  (lines) => lines.length > 0,
)

function linesOf(qtys: Record<string, number>) {
  return Object.entries(qtys).flatMap(([sku, qty]) => (qty > 0 ? [{ sku, qty }] : []))
}

type Outcome = OrderChange | Shipped | Refusal

/** What every verb makes of an order: undefined where it is a bug to call it. */
function* everyVerb({
  order,
  held,
  shipments,
  gaveUp,
  isAsking,
}: Life): Generator<[string, Outcome | undefined]> {
  const asked = { expectedVersion: null }
  for (const a of QTYS.A) {
    for (const b of QTYS.A) {
      for (const c of QTYS.B) {
        const [allocated] = allocate([order], levels(a, b, c, 0), LOCATIONS, 'priority')
        yield ['reserve', unlessBug(() => reserve(allocated!, NOW))]
      }
    }
  }
  // suppliers are asked for no others
  if (isAsking) {
    for (const goods of SOME_OF_EACH) yield ['deliver', deliver(order, goods, NOW)]
  }
  for (const skus of [['A'], ['B'], ['A', 'B']]) {
    const released = held.filter(({ sku }) => skus.includes(sku))
    if (skus.every((sku) => released.some((one) => one.sku === sku)))
      yield ['unreserve', unreserve(order, released, NOW)]
  }
  yield ['confirm', confirm(order, asked, NOW, NOW)]
  yield ['confirm late', confirm(order, asked, EXPIRY, NOW)]
  yield ['extend', extend(order, { ...asked, holdSeconds: 60 }, NOW, NOW)]
  yield ['extend late', extend(order, { ...asked, holdSeconds: 60 }, EXPIRY, NOW)]
  if (order.expiresAt !== null) yield ['expire', unlessBug(() => expire(order, held, NOW))]
  for (const reason of FAILURE_REASONS) yield ['fail', unlessBug(() => fail(order, held, reason, NOW, []))]
  yield ['reopen', unlessBug(() => reopen(order, gaveUp, NOW))]
  for (const lines of [null, ...SOME_OF_EACH]) yield ['cancel', cancel(order, held, { ...asked, lines }, NOW)]
  for (const lines of [
    null,
    ...SOME_OF_EACH.map((lines) => lines.map((line) => ({ ...line, location: null }))),
  ]) {
    for (const location of [null, 'EAST', 'MAIN']) {
      for (const stock of [levels(0, 0, 0, 0), levels(9, 9, 9, 9)]) {
        const request = { ...asked, lines, location, reference: null }
        const shipped = ship(order, { held, levels: stock, locations: LOCATIONS }, request, () => 'new', NOW)
        yield ['ship', shipped]
      }
    }
  }
  for (const shipment of shipments) yield ['unship', unship(order, shipment, [], asked, NOW)]
  for (const lines of SOME_OF_EACH) {
    for (const disposition of ['RESTOCK', 'DISCARD'] as const) {
      const request = { ...asked, lines: lines.map((line) => ({ ...line, disposition })), location: null }
      yield ['takeBack', takeBack(order, { shipments, levels: [], locations: LOCATIONS }, request, NOW)]
    }
  }
}

function unlessBug(verb: () => OrderChange): OrderChange | undefined {
  try {
    return verb()
  } catch (error) {
    expect(String(error)).toMatch(/does not lead from|cannot have the reason|has not ended/)
    return undefined
  }
}

/** An order's life after a change of it. */
function liveOn({ order, held, shipments, gaveUp, isAsking }: Life, change: OrderChange | Shipped): Life {
  const moved = change.moves.map(({ sku, location, reservedDelta }) => ({
    sku,
    location,
    qty: reservedDelta,
  }))
  const undone = change.event?.type === 'ShipmentUndone' ? change.moves[0]!.shipmentId : null
  const made = 'shipments' in change ? change.shipments : []
  const numbered = made.map((shipment, index) => ({ ...shipment, id: `${shipment.orderVersion}-${index}` }))
  return {
    order: change.after,
    held: mergeAllocations([...held, ...moved]).filter(({ qty }) => qty !== 0),
    shipments: [...shipments.filter(({ id }) => id !== undone), ...numbered],
    gaveUp: change.after.status === 'FAILED' && order.status !== 'FAILED' ? change.event!.lines! : gaveUp,
    isAsking,
  }
}

/** What tells one life from another: two that are alike go on alike. */
function keyOf({ order, held, shipments, gaveUp, isAsking }: Life): string {
  const { lines, status, lookedAt, ending, ifShort, expiresAt } = order
  const places = held.map(({ sku, location, qty }) => `${sku} ${location} ${qty}`).sort()
  const left = shipments.map(({ location, lines }) => [location, lines])
  return JSON.stringify([
    lines,
    status,
    lookedAt,
    ending,
    ifShort,
    expiresAt,
    places,
    left,
    status === 'FAILED' ? gaveUp : null,
    isAsking,
  ])
}

/** What no change may break. @returns what it breaks */
function* faultsOf(before: Life, after: Life, { moves, event }: OrderChange): Generator<string> {
  const { order } = after
  if (order.status !== statusOf(order)) yield 'the status is not that of the lines'
  if (order.ending !== null && order.ending !== order.status) yield 'an ending that is not the status'
  if (order.version !== before.order.version + (event ? 1 : 0)) yield 'the version does not count the events'
  if (!event && JSON.stringify(order) !== JSON.stringify(before.order)) yield 'a change without an event'
  for (const [index, line] of order.lines.entries()) {
    const { sku, qty, reserved, shipped, cancelled, returned } = line
    const parts = [reserved, waitingOf(line), shipped, cancelled, returned]
    if (qty !== before.order.lines[index]!.qty || !parts.every(isCount)) yield `${sku}: a part is no quantity`
    if (returned > shipped) yield `${sku}: more came back than was shipped`
    if (qtyOf(after.held, sku) !== reserved) yield `${sku}: what is held is not what is reserved`
    if (
      qtyOf(
        after.shipments.flatMap(({ lines }) => lines),
        sku,
      ) !== shipped
    )
      yield `${sku}: not what was shipped`
  }
  if (!after.held.every(({ qty }) => isCount(qty))) yield 'less than nothing is held'
  const keys = moves.map(({ sku, location, type }) => `${sku} ${location} ${type}`)
  if (new Set(keys).size !== keys.length) yield 'a transition moves stock twice'
  if (moves.some(({ delta, reservedDelta }) => delta === 0 && reservedDelta === 0)) yield 'a move of nothing'
  const version = event ? order.version : null
  if (moves.some(({ orderVersion }) => orderVersion !== version)) yield 'a move of another version'
}

function isCount(value: number): boolean {
  return Number.isInteger(value) && value >= 0
}

function qtyOf(quantities: readonly { sku: string; qty: number }[], sku: string): number {
  return quantities.filter((each) => each.sku === sku).reduce((sum, { qty }) => sum + qty, 0)
}

/** Lives every life there is. @returns the moves that were made, as `event: from → to (reason)`, and the lives */
export function liveAll(): {
  moves: Set<string>
  refusals: Map<string, Set<string>>
  lives: Map<string, Life>
} {
  const moves = new Set(['OrderCreated: null → PENDING (null)'])
  const refusals = new Map<string, Set<string>>()
  const lives = new Map(BIRTHS.map((birth) => [keyOf(birth), birth]))
  // a map goes on with what is added to it
  for (const life of lives.values()) {
    for (const [verb, outcome] of everyVerb(life)) {
      if (!outcome) continue
      const { status } = life.order
      if ('refusal' in outcome) {
        const isTornApart = status === 'PARTIALLY_SHIPPED' && life.order.lines.some(isWaiting)
        const key = `${verb} ${life.order.expiresAt ? 'hold ' : ''}${isTornApart ? 'waiting ' : ''}${status}`
        refusals.set(key, (refusals.get(key) ?? new Set()).add(outcome.refusal.code))
        continue
      }
      const next = liveOn(life, outcome)
      const faults = [...faultsOf(life, next, outcome)]
      if (faults.length > 0)
        throw new Error(`${verb} of ${keyOf(life)} to ${keyOf(next)}: ${faults.join(', ')}`)
      const { event, after } = outcome
      if (event) moves.add(`${event.type}: ${status} → ${after.status} (${after.failureReason})`)
      const key = keyOf(next)
      if (!lives.has(key)) lives.set(key, next)
    }
  }
  return { moves, refusals, lives }
}

export function isWaiting(line: Order['lines'][number]): boolean {
  return waitingOf(line) > 0
}
