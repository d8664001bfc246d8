import { setTimeout as sleep } from 'node:timers/promises'
import type { Calls, OrderAnswer, Outcome } from './calls.ts'
import type { Findings } from './findings.ts'
import { createDeed, type Deed, type History, type Line, type Verb } from './history.ts'
import type { Random } from './random.ts'

/** Tries of one call before its client leaves it for the end of the run. */
const TRIES_MAX = 8
/** Orders that clients still do something about: the newest. */
const ORDERS_MAX = 300
const NEWEST_HOLDS = 3
const SHIPMENTS_MAX = 200
const REMEMBERED_MAX = 200
const BURST = 5
/** Holds expire within a run, and some while a process is away. */
export const HOLD_SECONDS_MAX = 5
/** Clients at once that ask again what has no answer yet, at the end of a run. */
const SETTLERS = 8

/** What a call may be refused for, by what was asked and whatever became of its order meanwhile. */
const REFUSALS: Record<Verb, readonly string[]> = {
  cancelOrder: ['WRONG_STATE', 'QTY_EXCEEDED'],
  shipOrder: ['WRONG_STATE', 'QTY_EXCEEDED'],
  undoShipment: ['WRONG_STATE', 'QTY_EXCEEDED'],
  returnOrder: ['WRONG_STATE', 'QTY_EXCEEDED'],
  confirmOrder: ['WRONG_STATE', 'HOLD_EXPIRED'],
  extendHold: ['WRONG_STATE', 'HOLD_EXPIRED'],
}

type KnownOrder = { id: string; lines: readonly Line[]; version: number; isHold: boolean }
type KnownShipment = { id: string; orderId: string; lines: readonly Line[] }

/** What clients do to orders once they have them: all of it, in any order, at the same time. */
export function createOrderChanges(options: {
  urls: readonly string[]
  locations: readonly string[]
  calls: Calls
  findings: Findings
  history: History
  isStopped: () => boolean
}) {
  const { urls, locations, calls, findings, history, isStopped } = options
  const orders: KnownOrder[] = []
  const shipments: KnownShipment[] = []
  const remembered: Deed[] = []
  let count = 0

  /** Sends it once more, to any process by any way. @returns whether the answer is definite */
  async function send(deed: Deed, random: Random): Promise<boolean> {
    const url = random.pick(urls)
    const known = orders.find(({ id }) => id === deed.orderId)
    const before = { version: known?.version ?? 0, isDone: deed.isDone }
    const outcome = await (random.chance(0.5) ? calls.changeByGraphql : calls.changeByRest)(url, deed)
    note(deed, outcome, before)
    if (known && outcome.kind === 'answered') known.version = Math.max(known.version, outcome.answer.version)
    return outcome.kind !== 'doubtful'
  }

  /** @param before what was known when the call was sent */
  function note(
    deed: Deed,
    outcome: Outcome<OrderAnswer>,
    before: { version: number; isDone: boolean },
  ): void {
    const { verb, tag, orderId, location, expectedVersion } = deed
    if (outcome.kind === 'doubtful') {
      deed.doubtful++
      deed.isSettled = false
      return
    }
    deed.isSettled = true
    if (outcome.kind === 'refused') {
      const { code } = outcome
      if (!deed.refusals.includes(code)) deed.refusals.push(code)
      const isRight =
        REFUSALS[verb].includes(code) ||
        (code === 'INSUFFICIENT_STOCK' && verb === 'shipOrder' && location !== null) ||
        (code === 'STALE_EXPECTATION' && expectedVersion !== null)
      if (!isRight)
        findings.violate('only what is wrong is refused', tag, `${code} for ${JSON.stringify(deed)}`)
      // what was done under its key stays done
      if (before.isDone && deed.key !== null)
        findings.violate('a repeat finds what its call made', tag, `${code} after ${JSON.stringify(deed)}`)
      return
    }
    const { answer } = outcome
    const made = (answer.shipments ?? []).filter(({ reference }) => verb === 'shipOrder' && reference === tag)
    const told = made
      .map(({ id, lines }) => ({ id, lines: lines.map(({ sku, qty }) => ({ sku, qty })).sort(bySku) }))
      .sort((one, other) => (one.id < other.id ? -1 : 1))
    if (answer.id !== orderId)
      findings.violate('a call changes its own order', tag, `${answer.id}, not ${orderId}`)
    if (answer.version < before.version) {
      findings.violate(
        'a repeat is answered with the current state',
        tag,
        `${answer.version} after ${before.version}`,
      )
    }
    if (verb === 'shipOrder' && told.length === 0)
      findings.violate('who ships is told what', tag, JSON.stringify(answer))
    if (deed.isDone && JSON.stringify(deed.shipments) !== JSON.stringify(told))
      findings.violate('a repeat finds what its call made', tag, JSON.stringify({ deed, told }))
    if (!deed.isDone) {
      for (const { id, lines } of told) shipments.push({ id, orderId, lines })
      if (shipments.length > SHIPMENTS_MAX) shipments.splice(0, shipments.length - SHIPMENTS_MAX)
    }
    deed.isDone = true
    deed.shipments = told
  }

  /** Anything that a client may think of doing to an order; undefined where it knows of none. */
  function wish(random: Random): Deed | undefined {
    const order = pickOrder(random)
    if (!order) return undefined
    const common = {
      tag: `deed-${++count}`,
      expectedVersion: random.chance(0.1) ? order.version : null,
    }
    if (random.chance(0.15)) return changeOfHold(random)
    const kind = random.next()
    const shipment = shipments.length > 0 ? random.pick(shipments) : undefined
    if (kind < 0.4 || !shipment) {
      return createDeed({
        ...common,
        verb: 'shipOrder',
        orderId: order.id,
        lines: random.chance(0.5) ? null : partOf(order.lines, random),
        location: random.chance(0.2) ? random.pick(locations) : null,
      })
    }
    if (kind < 0.6) return cancellation(order, random)
    const { id: shipmentId, orderId } = shipment
    if (kind < 0.75) return createDeed({ tag: common.tag, verb: 'undoShipment', orderId, shipmentId })
    const lines = partOf(shipment.lines, random).map((line) => ({
      ...line,
      disposition: random.chance(0.7) ? ('RESTOCK' as const) : ('DISCARD' as const),
    }))
    const location = random.chance(0.3) ? random.pick(locations) : null
    return createDeed({ tag: common.tag, verb: 'returnOrder', orderId, lines, location })
  }

  /** Confirms or extends a hold, or what is none. */
  function changeOfHold(random: Random): Deed {
    const holds = orders.filter(({ isHold }) => isHold)
    // the newest: most others have expired
    const some = holds.length > 0 && random.chance(0.9) ? holds.slice(-NEWEST_HOLDS) : orders
    const { id: orderId, version } = random.pick(some)
    const common = {
      tag: `deed-${++count}`,
      orderId,
      expectedVersion: random.chance(0.1) ? version : null,
    }
    if (random.chance(0.5)) return createDeed({ ...common, verb: 'confirmOrder' })
    return createDeed({ ...common, verb: 'extendHold', holdSeconds: random.whole(1, HOLD_SECONDS_MAX) })
  }

  /** Now and then all that is left, without a key: a repeat would do no harm. */
  function cancellation(order: KnownOrder, random: Random): Deed {
    const tag = `deed-${++count}`
    const lines = random.chance(0.5) ? null : partOf(order.lines, random)
    const key = lines === null && random.chance(0.3) ? null : tag
    return createDeed({ tag, key, verb: 'cancelOrder', orderId: order.id, lines })
  }

  function pickOrder(random: Random): KnownOrder | undefined {
    return orders.length > 0 ? random.pick(orders) : undefined
  }

  async function doOne(deed: Deed, random: Random): Promise<void> {
    history.deeds.push(deed)
    const isBurst = deed.key !== null && random.chance(0.1)
    await Promise.all(Array.from({ length: isBurst ? BURST : 1 }, () => send(deed, random)))
    if (deed.key === null) return
    for (
      let tries = 1;
      !deed.isDone && deed.refusals.length === 0 && tries < TRIES_MAX && !isStopped();
      tries++
    ) {
      await sleep(random.next() * 500)
      await send(deed, random)
    }
    remembered.push(deed)
    if (remembered.length > REMEMBERED_MAX) remembered.shift()
  }

  return {
    /** An order that clients know of from now on. */
    learn({ id, lines, version }: OrderAnswer, isHold: boolean): void {
      orders.push({ id, lines, version, isHold })
      if (orders.length > ORDERS_MAX) orders.shift()
    },

    async changeSomething(random: Random): Promise<void> {
      const deed = wish(random)
      if (deed) await doOne(deed, random)
    },

    /** All of an order is shipped and cancelled, at the same time. */
    async raceForOne(random: Random): Promise<void> {
      const order = pickOrder(random)
      if (!order) return
      findings.count('races of a cancellation and a shipment')
      const ship = createDeed({ tag: `deed-${++count}`, verb: 'shipOrder', orderId: order.id })
      await Promise.all([doOne(ship, random), doOne(cancellation(order, random), random)])
    },

    /** Sends something again under its key, or something else. */
    async repeat(random: Random): Promise<void> {
      if (remembered.length === 0) return
      const deed = random.pick(remembered)
      if (!deed.isDone || random.chance(0.8)) return void (await send(deed, random))
      const other = { ...deed, lines: [{ sku: 'NOWHERE', qty: 1 }], location: null }
      // of these there is nothing that could be other
      if (['undoShipment', 'confirmOrder', 'extendHold'].includes(deed.verb)) return
      const outcome = await calls.changeByRest(random.pick(urls), other)
      if (outcome.kind === 'doubtful') return
      if (outcome.kind !== 'refused' || outcome.code !== 'IDEMPOTENCY_KEY_REUSED')
        findings.violate('a key is refused with other content', deed.tag, JSON.stringify(outcome))
    },

    /** Asks again under each key of which it is not known what came, until it is. */
    async settle(random: Random, limitMs: number): Promise<void> {
      // one that was refused may have been done afterwards by a call that was on its way
      const open = history.deeds.filter(
        ({ key, isDone, doubtful }) => key !== null && !isDone && doubtful > 0,
      )
      findings.count('keys of changes asked again at the end', open.length)
      const settleNext = async () => {
        for (let deed = open.pop(); deed; deed = open.pop()) {
          const deadline = performance.now() + limitMs
          while (!(await send(deed, random)) && performance.now() < deadline) await sleep(200)
          if (!deed.isSettled)
            findings.violate('a call is answered in the end', deed.tag, JSON.stringify(deed))
        }
      }
      await Promise.all(Array.from({ length: SETTLERS }, settleNext))
    },
  }
}

/** Some of lines, and of each some: one at least. */
function partOf(lines: readonly Line[], random: Random): Line[] {
  const first = random.whole(0, lines.length - 1)
  return lines
    .filter((_, index) => index === first || random.chance(0.5))
    .map(({ sku, qty }) => ({ sku, qty: random.whole(1, qty) }))
}

function bySku(one: Line, other: Line): number {
  return one.sku < other.sku ? -1 : 1
}
