import { existsSync } from 'node:fs'
import { type Browser, chromium, type Locator, type Page } from 'playwright-core'
import type { BenchContext, Measurement, Scenario } from '../scenario.ts'
import { median } from '../statistics.ts'
import { pickEvenly, skuNames, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { untilNonePending } from '../support/drain.ts'
import { startHoldfast } from '../support/holdfast.ts'

/** Set it where the browser is not Debian's. */
const { CHROMIUM = '/usr/bin/chromium' } = process.env

const ORDERS = 10_000
const ITEMS = skuNames(1_000)
/** Loads of one repetition, each by a browser that has nothing of the console yet. */
const LOADS = 9
const LOADS_QUICK = 3

const USABLE_MAX_MS = 1_000
const FIRST_LOAD_MAX_KB = 150

type Start = { path: string; what: string; isUsable: (page: Page) => Locator }

const STARTS: readonly Start[] = [
  {
    path: '/console/overview',
    what: 'first figures of the overview',
    isUsable: (page) => page.getByRole('link', { name: /^Orders a second/ }),
  },
  {
    path: '/console/orders',
    what: 'first row of the orders',
    isUsable: (page) => page.getByRole('link', { name: /^Order / }).first(),
  },
]

type Load = { usableMs: number; kilobytes: number }

/** How soon the console can be used that somebody opens for the first time, and how much the browser loads for that. */
export const scenario: Scenario = {
  name: 'console-start',
  description: `the console opened for the first time, at a server with ${ORDERS.toLocaleString('en')} orders`,
  run: async (context) => {
    if (!existsSync(CHROMIUM) && process.env.CI !== 'true') {
      context.log(`There is no Chromium at ${CHROMIUM}: nothing is measured. CHROMIUM names another`)
      return []
    }
    const loads = STARTS.map((): Load[] => [])
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      for (const [index, load] of (await measure(context)).entries()) loads[index]!.push(load)
    }
    return STARTS.flatMap(({ path, what }, index): Measurement[] => [
      {
        kind: 'figure',
        title: `${path} opened anew → ${what}`,
        unit: 'ms',
        values: loads[index]!.map(({ usableMs }) => usableMs),
        target: { kind: 'at-most', value: USABLE_MAX_MS },
      },
      {
        kind: 'figure',
        title: `${path} opened anew, files of the console as they are sent`,
        unit: 'kB',
        values: loads[index]!.map(({ kilobytes }) => kilobytes),
        target: { kind: 'at-most', value: FIRST_LOAD_MAX_KB },
      },
    ])
  },
}

/** @returns the median load of each start */
async function measure(context: BenchContext): Promise<Load[]> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await storeBacklog(database.client, pickEvenly(ITEMS, ORDERS))
  await using holdfast = await startHoldfast({ DATABASE_URL: database.url })
  // the console is opened at a server at rest
  await untilNonePending(database)
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
  try {
    const medians: Load[] = []
    for (const start of STARTS) {
      // not counted: the server compiles its code, and the browser starts its processes
      await openAnew(browser, holdfast.url, start)
      const loads: Load[] = []
      const count = context.isQuick ? LOADS_QUICK : LOADS
      while (loads.length < count) loads.push(await openAnew(browser, holdfast.url, start))
      medians.push({
        usableMs: median(loads.map(({ usableMs }) => usableMs)),
        kilobytes: median(loads.map(({ kilobytes }) => kilobytes)),
      })
    }
    await assertNoBreaches(database)
    return medians
  } finally {
    await browser.close()
  }
}

/** Opens a page in a browser window that shares no cache with any before. */
async function openAnew(browser: Browser, url: string, { path, isUsable }: Start): Promise<Load> {
  const browserContext = await browser.newContext()
  const page = await browserContext.newPage()
  const sent: Promise<number>[] = []
  page.on('requestfinished', (request) => {
    const isFile = new URL(request.url()).pathname.startsWith('/console')
    if (isFile) sent.push(request.sizes().then(({ responseBodySize }) => responseBodySize))
  })
  await page.goto(url + path, { waitUntil: 'commit' })
  await isUsable(page).waitFor()
  // since the browser began to ask for the page
  const usableMs = await page.evaluate(() => performance.now())
  // with what it loads later, as charts
  await page.waitForLoadState('networkidle')
  const bytes = await Promise.all(sent)
  await browserContext.close()
  return { usableMs, kilobytes: bytes.reduce((sum, size) => sum + size, 0) / 1_000 }
}
