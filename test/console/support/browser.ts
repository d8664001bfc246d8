import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import axe from 'axe-core'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'

const CHROMIUM = '/usr/bin/chromium'

/** Where CI says that it runs, a browser that is not there is a failure, and no reason to skip. */
export const hasNoBrowser = !existsSync(CHROMIUM) && process.env.CI !== 'true'

/** Starts a browser. @throws where the console is not built as its sources are now */
export async function launchBrowser(): Promise<Browser> {
  await assertBuilt()
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
  })
}

/** Tests of a bundle that is older than its sources would say nothing of these. */
async function assertBuilt(): Promise<void> {
  const folder = new URL('../../../console/', import.meta.url)
  const changedAtMs = async (name: string) => (await stat(new URL(name, folder))).mtimeMs
  const sources = (await readdir(folder, { recursive: true })).filter((name) =>
    /^src\/(?!generated).*\./.test(name),
  )
  const builtAtMs = await changedAtMs('dist/index.html')
  for (const name of sources) {
    if ((await changedAtMs(name)) > builtAtMs)
      throw new Error(`console/${name} is newer than console/dist: npm run console builds it`)
  }
}

/** Chromium's words for an answer that is an error, or for none: a test that provokes it says so. */
const FAILED_CALL = /^Failed to load resource/

type Opened = {
  page: Page
  /** Goes to another address of the console as a link does. */
  visit: (path: string) => Promise<void>
  /** Has the failures that the test provokes be none: a refused token, a lost connection. */
  allowFailedCalls: () => void
  /** Fails where the page asked another host for something, broke its own policy, or wrote an error; then closes it. */
  close: () => Promise<void>
}

/**
 * Opens a page of the console, in a browser with nothing of any other test's in it.
 *
 * @param authorization the header that the token is taken from; undefined for none
 */
export async function openConsole(
  browser: Browser,
  url: string,
  path: string,
  { authorization, ...options }: BrowserContextOptions & { authorization?: string | undefined } = {},
): Promise<Opened> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const { origin } = new URL(url)
  const foreign: string[] = []
  const errors: string[] = []
  let mayFail = false
  page.on('request', (request) => {
    const { protocol } = new URL(request.url())
    if (protocol !== 'data:' && new URL(request.url()).origin !== origin) foreign.push(request.url())
  })
  // violations of the page's policy are among them
  page.on('console', (message) => {
    const isFailedCall = FAILED_CALL.test(message.text())
    if (message.type() === 'error' && !(mayFail && isFailedCall)) errors.push(message.text())
  })
  page.on('pageerror', (error) => errors.push(String(error)))
  const visit = async (path: string) => void (await page.goto(origin + path))
  if (authorization !== undefined) {
    const token = authorization.replace('Bearer ', '')
    await context.addInitScript((token) => {
      if (sessionStorage.length === 0) sessionStorage.setItem('holdfast.token', token)
    }, token)
  }
  await visit(path)
  return {
    page,
    visit,
    allowFailedCalls: () => {
      mayFail = true
    },
    close: async () => {
      await context.close()
      expect({ foreign, errors }).toEqual({ foreign: [], errors: [] })
    },
  }
}

/** What axe-core finds wrong with a page as it stands, by WCAG 2.2 AA and its best practices. */
export async function findViolations(page: Page): Promise<string[]> {
  // by the protocol of the debugger, which no policy of the page's holds up
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe.source)
  const { violations } = await page.evaluate(() => (globalThis as unknown as { axe: typeof axe }).axe.run())
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${target} ${failureSummary}`),
  )
}

/** Whether the page is wider than its window, so that all of it scrolls sideways. */
export function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth)
}

/** Whether an element stands in the window as it is scrolled now. */
export function isInView(element: Element): boolean {
  const { top, bottom } = element.getBoundingClientRect()
  return top >= 0 && bottom <= innerHeight
}
