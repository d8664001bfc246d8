import { setTimeout as sleep } from 'node:timers/promises'
import type { Calls, OrderAnswer, Outcome } from './calls.ts'
import { createOrderChanges, HOLD_SECONDS_MAX } from './change-orders.ts'
import type { Findings } from './findings.ts'
import { createIntent, type History, type Intent, isSettled, type Line } from './history.ts'
import { createRandom, type Random } from './random.ts'
import { createStockKeeping } from './stock-keeping.ts'

const CLIENTS = 24
const PAUSE_MAX_MS = 350
/** Tries of one call before its client leaves it for the end of the run. */
const TRIES_MAX = 8
/** Old intents that a client may repeat. */
const REMEMBERED_MAX = 200
const BURST = 5
/** Clients at once that ask again what has no answer yet, at the end of a run. */
const SETTLERS = 8

/** SKUs by what there is of each at each location: some last for ever, some run out and are refilled, some only the supplier has. */
const STOCK: Record<string, Record<string, number>> = {
  'PLENTY-A': { MAIN: 1_000_000, EAST: 1_000_000, WEST: 1_000_000 },
  'PLENTY-B': { MAIN: 1_000_000, EAST: 1_000_000, WEST: 1_000_000 },
  'SOME-A': { MAIN: 100, EAST: 20, WEST: 20 },
  'SOME-B': { MAIN: 100, EAST: 20, WEST: 20 },
  SCARCE: { MAIN: 1, EAST: 1, WEST: 1 },
  GUARDED: { MAIN: 60, EAST: 20, WEST: 20 },
  'SUPPLIED-A': { MAIN: 1, EAST: 1, WEST: 1 },
  'SUPPLIED-B': { MAIN: 1, EAST: 1, WEST: 1 },
}
/** No order wants it, and only files count it. */
export const COUNTED = 'COUNTED'
export const SKUS = Object.keys(STOCK)
const REFILLED = ['SOME-A', 'SOME-B', 'SCARCE', 'GUARDED']
/** These have a safety stock at times, of which the ledger does not tell: whether an order had to get the last few is not known. */
const GUARDED = ['GUARDED']
export const LOCATIONS = ['MAIN', 'EAST', 'WEST']
/** Stock is there that no order may have. */
const CLOSED_LOCATION = 'CLOSED'
const CLOSED_STOCK = 1_000

/** Makes what clients order. Every level that an order may take from is there before the first: nobody locks one that is not. */
export async function stockUp(calls: Calls, url: string, { stock }: History): Promise<void> {
  await calls.saveLocation(url, { code: 'EAST', priority: 50, isActive: true })
  await calls.saveLocation(url, { code: 'WEST', priority: 100, isActive: true })
  await calls.saveLocation(url, { code: CLOSED_LOCATION, priority: 10, isActive: false })
  const items = { ...STOCK, [COUNTED]: { MAIN: 1, EAST: 1, WEST: 1 } }
  for (const [sku, { MAIN: inMain, ...elsewhere }] of Object.entries(items)) {
    await calls.createItem(url, sku, inMain!)
    for (const [location, qty] of Object.entries({ ...elsewhere, [CLOSED_LOCATION]: CLOSED_STOCK })) {
      await calls.addStock(url, sku, location, qty)
    }
    const everywhere = Object.values(elsewhere).reduce((sum, qty) => sum + qty, inMain! + CLOSED_STOCK)
    stock.set(sku, everywhere)
  }
}

export type ClientsOptions = {
  urls: readonly string[]
  calls: Calls
  findings: Findings
  history: History
  seed: number
  /** How many clients there are, each with some five calls a second. */
  count?: number
  /** Gets each order that is new to the clients. */
  onOrder: (orderId: string) => void
}

/** Clients that order, change orders and stock, and repeat, and note all they did and were told. */
export function startClients(options: ClientsOptions) {
  const { urls, calls, findings, history, seed, onOrder, count = CLIENTS } = options
  let isStopped = false
  let adjustments = 0
  const changes = createOrderChanges({
    urls,
    locations: LOCATIONS,
    calls,
    findings,
    history,
    isStopped: () => isStopped,
  })
  const keeping = createStockKeeping({
    urls,
    skus: { all: SKUS, received: REFILLED, guarded: GUARDED },
    locations: [...LOCATIONS, CLOSED_LOCATION],
    calls,
    findings,
    history,
    isStopped: () => isStopped,
  })

  /** Sends the order once more, to any process by any way. */
  async function send(intent: Intent, random: Random): Promise<void> {
    const url = random.pick(urls)
    const known = intent.version
    const way = random.chance(0.5) ? calls.createOrderByGraphql : calls.createOrderByRest
    const outcome = await way(url, intent, intent.key, random.chance(0.1) ? 1 : 0)
    note(intent, outcome, known)
  }

  /** @param known the version that was known when the call was sent */
  function note(intent: Intent, outcome: Outcome<OrderAnswer>, known: number): void {
    const subject = intent.key ?? 'a call without key'
    if (outcome.kind === 'doubtful') {
      intent.doubtful++
    } else if (outcome.kind === 'refused') {
      if (!intent.refusals.includes(outcome.code)) intent.refusals.push(outcome.code)
      if (outcome.code !== intent.expected) {
        findings.violate('only what is wrong is refused', subject, `${outcome.code} for ${describe(intent)}`)
      }
    } else {
      const { answer } = outcome
      if (!isAs(answer.lines, intent.lines) || intent.expected !== 'an order') {
        findings.violate(
          'an order is answered as it was sent',
          subject,
          `${describe(intent)}: ${JSON.stringify(answer)}`,
        )
      }
      if (answer.version < known) {
        findings.violate(
          'a repeat is answered with the current state',
          subject,
          `${answer.version} after ${known}`,
        )
      }
      const isNew = intent.ids.length === 0
      if (!intent.ids.includes(answer.id)) intent.ids.push(answer.id)
      if (answer.version >= intent.version) {
        intent.version = answer.version
        intent.status = answer.status
      }
      if (isNew) {
        changes.learn(answer, intent.holdSeconds !== null)
        onOrder(answer.id)
      }
    }
  }

  /** A key that was answered with an order is refused with other content, and stays what it was. */
  async function reuseWrongly(intent: Intent, random: Random): Promise<void> {
    if (intent.ids.length === 0) return
    const lines = intent.lines.map(({ sku, qty }) => ({ sku, qty: qty + 1 }))
    const outcome = await calls.createOrderByRest(random.pick(urls), { ...intent, lines }, intent.key, 0)
    const isRight =
      outcome.kind === 'doubtful' || (outcome.kind === 'refused' && outcome.code === 'IDEMPOTENCY_KEY_REUSED')
    if (!isRight)
      findings.violate('a key is refused with other content', String(intent.key), JSON.stringify(outcome))
  }

  async function adjust(random: Random): Promise<void> {
    const reason = `chaos ${++adjustments}`
    const sku = random.pick(REFILLED)
    const location = random.pick(LOCATIONS)
    const delta = random.chance(0.8) ? random.whole(1, 60) : -random.whole(1, 30)
    const outcome = await calls.adjustInventory(random.pick(urls), { sku, location, delta, reason })
    if (outcome.kind === 'refused' && (outcome.code !== 'INSUFFICIENT_STOCK' || delta > 0)) {
      findings.violate(
        'only what is wrong is refused',
        reason,
        `${outcome.code} for ${delta} of ${sku} at ${location}`,
      )
    }
    const kinds = { answered: 'done', refused: 'refused', doubtful: 'doubtful' } as const
    history.adjustments.push({ reason, sku, location, delta, outcome: kinds[outcome.kind] })
  }

  function wish(random: Random, key: string | null): Intent {
    const kind = random.next()
    const one = (sku: string, qty: number) => ({ key, lines: [{ sku, qty }], locations: null })
    const intent =
      kind < 0.03
        ? createIntent({ ...one('NOWHERE', 1), expected: 'UNKNOWN_SKU' })
        : kind < 0.05
          ? createIntent({ ...one('PLENTY-A', 0), expected: 'INVALID_QTY' })
          : kind < 0.06
            ? createIntent({
                ...wishLines(random),
                key,
                expected: 'UNKNOWN_LOCATION',
                locations: ['EAST', CLOSED_LOCATION],
              })
            : createIntent({ ...wishLines(random), key, expected: 'an order' })
    history.intents.push(intent)
    return intent
  }

  /** Of one line as often as of several; now and then from some locations only, a hold, or of those that ask no supplier. */
  function wishLines(random: Random): Pick<Intent, 'lines' | 'locations' | 'ifShort' | 'holdSeconds'> {
    const count = random.chance(0.5) ? 1 : random.whole(2, 4)
    const skus = [...SKUS]
    const lines = Array.from({ length: count }, () => {
      const [sku] = skus.splice(random.whole(0, skus.length - 1), 1)
      return { sku: sku!, qty: random.whole(1, 5) }
    })
    const locations = random.chance(0.15)
      ? [...new Set([random.pick(LOCATIONS), random.pick(LOCATIONS)])]
      : null
    const kind = random.next()
    const ifShort = kind < 0.15 ? 'WAIT' : kind < 0.25 ? 'FAIL' : 'ASK_SUPPLIER'
    const holdSeconds = random.chance(0.2) ? random.whole(1, HOLD_SECONDS_MAX) : null
    return { lines, locations, ifShort, holdSeconds }
  }

  async function live(index: number): Promise<void> {
    const random = createRandom(seed, `client ${index}`)
    const remembered: Intent[] = []
    for (let turn = 0; !isStopped; turn++) {
      await sleep(random.next() * PAUSE_MAX_MS)
      const earlier = remembered.length > 0 ? random.pick(remembered) : undefined
      const kind = random.next()
      if (kind < 0.03) await adjust(random)
      else if (kind < 0.12) await keeping.changeSomething(random)
      else if (kind < 0.14) await keeping.repeat(random)
      else if (kind < 0.21 && earlier) await send(earlier, random)
      else if (kind < 0.23 && earlier) await reuseWrongly(earlier, random)
      else if (kind < 0.28) await send(wish(random, null), random)
      else if (kind < 0.42) await changes.changeSomething(random)
      else if (kind < 0.46) await changes.repeat(random)
      else if (kind < 0.5) await changes.raceForOne(random)
      else {
        const intent = wish(random, `${seed}-${index}-${turn}`)
        const isBurst = random.chance(0.05)
        await Promise.all(Array.from({ length: isBurst ? BURST : 1 }, () => send(intent, random)))
        for (let tries = 1; !isSettled(intent) && tries < TRIES_MAX && !isStopped; tries++) {
          await sleep(random.next() * 500)
          await send(intent, random)
        }
        remembered.push(intent)
        if (remembered.length > REMEMBERED_MAX) remembered.shift()
      }
    }
  }

  const lives = Promise.all(Array.from({ length: count }, (_, index) => live(index)))
  return {
    /** Resolves when the last call has ended. */
    stop: async () => {
      isStopped = true
      await lives
    },
    /** Asks again under each key that has no answer yet, until it has one. After an hour these are thousands. */
    settle: async (limitMs: number) => {
      const random = createRandom(seed, 'settling')
      const open = history.intents.filter((intent) => intent.key !== null && !isSettled(intent))
      findings.count('keys asked again at the end', open.length)
      const settleNext = async () => {
        for (let intent = open.pop(); intent; intent = open.pop()) {
          const deadline = performance.now() + limitMs
          while (!isSettled(intent) && performance.now() < deadline) {
            await send(intent, random)
            if (!isSettled(intent)) await sleep(200)
          }
          if (!isSettled(intent))
            findings.violate('a call is answered in the end', String(intent.key), describe(intent))
        }
      }
      await Promise.all(Array.from({ length: SETTLERS }, settleNext))
      await changes.settle(random, limitMs)
      await keeping.settle(random, limitMs)
    },
  }
}

function describe({ lines, locations, ifShort, holdSeconds }: Intent): string {
  return JSON.stringify({ lines, locations, ifShort, holdSeconds })
}

function isAs(answered: readonly Line[], sent: readonly Line[]): boolean {
  const isLine = ({ sku, qty }: Line, index: number) => sku === sent[index]?.sku && qty === sent[index]?.qty
  return answered.length === sent.length && answered.every(isLine)
}
