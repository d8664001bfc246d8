import { setTimeout as sleep } from 'node:timers/promises'
import type { Calls, Outcome } from './calls.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'
import {
  createStockDeed,
  type SentRules,
  type StockAnswer,
  type StockDeed,
  type StockRow,
  type StockVerb,
} from './stock-history.ts'

/** Tries of one call before its client leaves it for the end of the run. */
const TRIES_MAX = 8
const REMEMBERED_MAX = 200
/** Levels that a client could count: those that it saw last. */
const SHEETS_MAX = 60
const ROWS_MAX = 4
const BURST = 5
/** Clients at once that ask again what has no answer yet, at the end of a run. */
const SETTLERS = 8
const SAFETY_STOCK_MAX = 15
const LOW_STOCK_MAX = 40

/** What a call may be refused for, whatever became of the stock meanwhile. */
const REFUSALS: Record<StockVerb, readonly string[]> = {
  receiveInventory: [],
  transferInventory: ['INSUFFICIENT_STOCK'],
  adjustInventories: ['INSUFFICIENT_STOCK'],
  countInventory: ['INSUFFICIENT_STOCK'],
}

/** A level as an answer had it. */
type Sheet = { sku: string; location: string; asOf: string; onHand: number }

export type StockKeepingOptions = {
  urls: readonly string[]
  /** All SKUs, those that are received, and those that have a safety stock at times. */
  skus: { all: readonly string[]; received: readonly string[]; guarded: readonly string[] }
  locations: readonly string[]
  calls: Calls
  findings: Findings
  history: History
  isStopped: () => boolean
}

/** What those who run the warehouse do meanwhile: receive, transfer, adjust, count, set rules. */
export function createStockKeeping(options: StockKeepingOptions) {
  const { urls, skus, locations, calls, findings, history, isStopped } = options
  const sheets: Sheet[] = []
  const remembered: StockDeed[] = []
  let count = 0

  /** Sends it once more, to any process by any way. @returns whether the answer is definite */
  async function send(deed: StockDeed, random: Random): Promise<boolean> {
    const url = random.pick(urls)
    const wasDone = deed.answer !== undefined
    const isByRest = deed.verb === 'receiveInventory' && random.chance(0.5)
    const outcome = await (isByRest ? calls.receiveByRest : calls.changeStock)(url, deed)
    note(deed, outcome, wasDone)
    return outcome.kind !== 'doubtful'
  }

  /** @param wasDone whether it was known to be done when the call was sent */
  function note(deed: StockDeed, outcome: Outcome<StockAnswer>, wasDone: boolean): void {
    if (outcome.kind === 'doubtful') {
      deed.doubtful++
      deed.isSettled = false
      return
    }
    deed.isSettled = true
    const codes =
      outcome.kind === 'refused' ? [outcome.code] : outcome.answer.results.flatMap(({ code }) => code ?? [])
    for (const code of codes) {
      if (isRefusable(deed, code)) continue
      findings.violate('only what is wrong is refused', deed.tag, `${code} for ${JSON.stringify(deed)}`)
    }
    const isDone = outcome.kind === 'answered' && outcome.answer.results.some(({ code }) => code === null)
    if (!isDone) {
      deed.refusals = [...new Set([...deed.refusals, ...codes])]
      // what was done under its key stays done
      if (wasDone && deed.key !== null)
        findings.violate('a repeat finds what its call made', deed.tag, `${codes} after ${describe(deed)}`)
      return
    }
    const answer = { ...outcome.answer, unreserved: outcome.answer.unreserved.toSorted() }
    if (deed.answer && JSON.stringify(deed.answer) !== JSON.stringify(answer))
      findings.violate('a repeat finds what its call made', deed.tag, JSON.stringify({ deed, answer }))
    if (!deed.answer) learn(deed, answer)
    deed.answer ??= answer
  }

  function learn({ verb, location, to }: StockDeed, { results }: StockAnswer): void {
    for (const [index, { movement }] of results.entries()) {
      if (!movement) continue
      const { sku, id: asOf, onHandAfter: onHand } = movement
      const isArrival = verb === 'transferInventory' && index % 2 === 1
      sheets.push({ sku, asOf, onHand, location: isArrival ? to! : location })
    }
    if (sheets.length > SHEETS_MAX) sheets.splice(0, sheets.length - SHEETS_MAX)
  }

  function wish(random: Random): StockDeed {
    const tag = `keep-${++count}`
    const location = random.pick(locations)
    const kind = random.next()
    if (kind < 0.3) return receipt(tag, random)
    if (kind < 0.5) {
      const to = random.pick(locations.filter((other) => other !== location))
      const rows = pickSkus(random).map((sku) => ({ sku, qty: random.whole(1, 6) }))
      return createStockDeed({ verb: 'transferInventory', tag, location, to, rows })
    }
    const errorPolicy = random.chance(0.5) ? 'SKIP_FAILED' : 'ALL_OR_NOTHING'
    if (kind < 0.7 || sheets.length === 0) {
      const rows = pickSkus(random).map((sku) => adjustment(sku, location, random))
      return createStockDeed({ verb: 'adjustInventories', tag, location, rows, errorPolicy })
    }
    const counted = random.pick(sheets).location
    const onShortfall = random.chance(0.6) ? 'UNRESERVE_NEWEST' : 'REFUSE'
    // orders lose their promises only where much is missing
    const isMuchMissing = onShortfall === 'UNRESERVE_NEWEST' && random.chance(0.3)
    const rows = countsAt(counted, isMuchMissing, random)
    return createStockDeed({ verb: 'countInventory', tag, location: counted, rows, errorPolicy, onShortfall })
  }

  /** Now and then without a key: nobody can tell of it then, if it gets no answer. */
  function receipt(tag: string, random: Random): StockDeed {
    const sku = random.chance(0.9) ? random.pick(skus.received) : random.pick(skus.all)
    const key = random.chance(0.15) ? null : tag
    const rows = [{ sku, qty: random.whole(1, 40) }]
    return createStockDeed({ verb: 'receiveInventory', tag, key, location: random.pick(locations), rows })
  }

  function adjustment(sku: string, location: string, random: Random): StockRow {
    const qty = random.chance(0.6) ? random.whole(1, 12) : -random.whole(1, 8)
    const known = sheets.findLast((sheet) => sheet.sku === sku && sheet.location === location)
    // right where nothing else has happened, as where orders take nothing from; mostly wrong elsewhere
    const expectedAvailable = known && random.chance(0.3) ? known.onHand : null
    return { sku, qty, expectedAvailable }
  }

  /** What lies there, by what clients saw last, give or take a few; or hardly half of it. */
  function countsAt(location: string, isMuchMissing: boolean, random: Random): StockRow[] {
    const known = new Map(
      sheets.filter((sheet) => sheet.location === location).map((sheet) => [sheet.sku, sheet]),
    )
    return [...known.values()].slice(-random.whole(1, ROWS_MAX)).map(({ sku, onHand, asOf }) => ({
      sku,
      qty: isMuchMissing
        ? Math.floor((onHand * random.next()) / 2)
        : Math.max(0, onHand + random.whole(-4, 3)),
      asOf: random.chance(0.75) ? asOf : null,
    }))
  }

  function pickSkus(random: Random): string[] {
    const left = [...skus.all]
    const picked = Array.from({ length: random.whole(1, ROWS_MAX) }, () => {
      return left.splice(random.whole(0, left.length - 1), 1)[0]!
    })
    return picked
  }

  async function doOne(deed: StockDeed, random: Random): Promise<void> {
    history.stockDeeds.push(deed)
    const isBurst = deed.key !== null && random.chance(0.1)
    await Promise.all(Array.from({ length: isBurst ? BURST : 1 }, () => send(deed, random)))
    if (deed.key === null) return
    for (let tries = 1; !deed.isSettled && tries < TRIES_MAX && !isStopped(); tries++) {
      await sleep(random.next() * 500)
      await send(deed, random)
    }
    remembered.push(deed)
    if (remembered.length > REMEMBERED_MAX) remembered.shift()
  }

  async function setRules(random: Random): Promise<void> {
    const isGuarding = random.chance(0.5)
    const rules: SentRules = {
      sku: random.pick(isGuarding ? skus.guarded : skus.received),
      location: random.pick(locations),
      ...(isGuarding
        ? { safetyStock: random.whole(0, SAFETY_STOCK_MAX) }
        : { lowStockAt: random.whole(0, LOW_STOCK_MAX) }),
      isDone: false,
      isLast: false,
    }
    history.rules.push(rules)
    await sendRules(rules, random)
  }

  async function sendRules(rules: SentRules, random: Random): Promise<void> {
    const outcome = await calls.setStockRules(random.pick(urls), rules)
    if (outcome.kind === 'refused')
      findings.violate(
        'only what is wrong is refused',
        rules.sku,
        `${outcome.code}: ${JSON.stringify(rules)}`,
      )
    rules.isDone = outcome.kind === 'answered'
  }

  /** Sets each rule that was ever set once more, until it is answered: then it is known which hold. */
  async function setLastRules(random: Random, limitMs: number): Promise<void> {
    const last = new Map(
      history.rules.map((rules) => {
        const { sku, location, safetyStock } = rules
        return [safetyStock === undefined ? sku : `${sku} at ${location}`, rules]
      }),
    )
    for (const rules of last.values()) {
      const again = { ...rules, isDone: false, isLast: true }
      history.rules.push(again)
      const deadline = performance.now() + limitMs
      while (!again.isDone && performance.now() < deadline) {
        await sendRules(again, random)
        if (!again.isDone) await sleep(200)
      }
      if (!again.isDone) findings.violate('a call is answered in the end', again.sku, JSON.stringify(again))
    }
  }

  return {
    async changeSomething(random: Random): Promise<void> {
      if (random.chance(0.12)) await setRules(random)
      else await doOne(wish(random), random)
    },

    /** Sends something again under its key, or something else. */
    async repeat(random: Random): Promise<void> {
      if (remembered.length === 0) return
      const deed = random.pick(remembered)
      if (!deed.answer || random.chance(0.8)) return void (await send(deed, random))
      const rows = deed.rows.map((row) => ({ ...row, qty: row.qty === -1 ? 2 : row.qty + 1 }))
      const outcome = await calls.changeStock(random.pick(urls), { ...deed, rows })
      if (outcome.kind === 'doubtful') return
      if (outcome.kind !== 'refused' || outcome.code !== 'IDEMPOTENCY_KEY_REUSED')
        findings.violate('a key is refused with other content', deed.tag, JSON.stringify(outcome))
    },

    /** Asks again under each key of which it is not known what came, until it is. */
    async settle(random: Random, limitMs: number): Promise<void> {
      const open = history.stockDeeds.filter(
        ({ key, answer, doubtful }) => key !== null && !answer && doubtful > 0,
      )
      findings.count('keys of changes of stock asked again at the end', open.length)
      const settleNext = async () => {
        for (let deed = open.pop(); deed; deed = open.pop()) {
          const deadline = performance.now() + limitMs
          while (!(await send(deed, random)) && performance.now() < deadline) await sleep(200)
          if (!deed.isSettled) findings.violate('a call is answered in the end', deed.tag, describe(deed))
        }
      }
      await Promise.all(Array.from({ length: SETTLERS }, settleNext))
      await setLastRules(random, limitMs)
    },
  }
}

function isRefusable({ verb, rows }: StockDeed, code: string): boolean {
  const isExpecting = rows.some(({ expectedAvailable }) => expectedAvailable != null)
  return REFUSALS[verb].includes(code) || (code === 'STALE_EXPECTATION' && isExpecting)
}

function describe(deed: StockDeed): string {
  return JSON.stringify(deed)
}
