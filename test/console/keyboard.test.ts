import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failOrder } from '../support/fail-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { listenAt } from '../support/webhooks.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

/** More than any page has to stop at. */
const STOPS_MAX = 60

/** Where the focus goes: a field that is written into, or a button that is pressed. */
type Step = { field: string; text: string } | { button: string }

type Flow = {
  path: string
  /** What has no keyboard of the page's: the browser's own dialog for files. */
  prepare?: (page: Page) => Promise<unknown>
  steps: readonly Step[]
  done: (page: Page) => Locator
}

describe.skipIf(hasNoBrowser)('by the keyboard alone, with the focus in sight', () => {
  let server: TestServer
  let browser: Browser
  let flows: Record<string, Flow>
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    const { app } = server
    await seed(app).item({ sku: 'GIZMO', available: 100 })
    const toShip = await seed(app).order({ qty: 2 })
    await reserveOrders(app, [toShip.id])
    const toRetry = await seed(app).order()
    await failOrder(app, toRetry.id)
    const webhook = await listenAt(app, 'http://127.0.0.1:9/hooks', ['*'])
    flows = flowsOf({ toShip: toShip.id, toRetry: toRetry.id, webhook: webhook.id })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.each([
    'an order is shipped',
    'goods are received',
    'an item is created',
    'a location is created',
    'a dead letter is retried',
    'a webhook is created',
    'a webhook is paused',
    'a file is tried out and imported',
  ])('%s', async (name) => {
    const { path, prepare, steps, done } = flows[name]!
    const { page, close } = await openConsole(browser, server.url, path)
    await page.getByRole('heading', { level: 1 }).waitFor()
    await prepare?.(page)
    for (const step of steps) await take(page, step)
    await done(page).first().waitFor()
    await close()
  })
})

function flowsOf(ids: Record<'toShip' | 'toRetry' | 'webhook', string>): Record<string, Flow> {
  return {
    'an order is shipped': {
      path: `/console/orders/${ids.toShip}`,
      steps: [{ button: 'Ship' }, { field: 'Tracking or reference', text: 'DHL 7' }, { button: 'Ship' }],
      done: (page) => page.getByRole('cell', { name: 'DHL 7' }),
    },
    'goods are received': {
      path: '/console/stock/GIZMO',
      steps: [{ button: 'Receive' }, { field: 'Quantity', text: '5' }, { button: 'Receive' }],
      done: (page) => page.getByRole('status').getByText('Received 5 at MAIN'),
    },
    'an item is created': {
      path: '/console/stock',
      steps: [
        { button: 'New item' },
        { field: 'SKU', text: 'WIDGET' },
        { field: 'Name', text: 'A widget' },
        { button: 'Create' },
      ],
      done: (page) => page.getByRole('heading', { name: 'WIDGET' }),
    },
    'a location is created': {
      path: '/console/locations',
      steps: [
        { button: 'New location' },
        { field: 'Code', text: 'NORTH' },
        { field: 'Name', text: 'The north' },
        { button: 'Save' },
      ],
      done: (page) => page.getByRole('row', { name: /^NORTH The north/ }),
    },
    'a dead letter is retried': {
      path: '/console/dead-letters',
      steps: [{ button: `Retry order ${ids.toRetry}` }, { button: 'Retry' }],
      done: (page) => page.getByText('The order is tried again'),
    },
    'a webhook is created': {
      path: '/console/webhooks',
      steps: [
        { button: 'New webhook' },
        { field: 'URL', text: 'http://127.0.0.1:9/more' },
        { button: 'Create' },
        { button: 'I have it' },
      ],
      done: (page) => page.getByRole('heading', { name: 'http://127.0.0.1:9/more' }),
    },
    'a webhook is paused': {
      path: `/console/webhooks/${ids.webhook}`,
      steps: [{ button: 'Pause' }],
      done: (page) => page.getByRole('button', { name: 'Resume' }),
    },
    'a file is tried out and imported': {
      path: '/console/import',
      prepare: (page) =>
        page.getByLabel('File').setInputFiles({
          name: 'changes.csv',
          mimeType: 'text/csv',
          buffer: Buffer.from('sku,delta\nGIZMO,1\n'),
        }),
      steps: [{ button: 'Try it out' }, { button: 'Import 1 row' }, { button: 'Import 1 row' }],
      done: (page) => page.getByText('The file is imported.'),
    },
  }
}

async function take(page: Page, step: Step): Promise<void> {
  const isField = 'field' in step
  const name = isField ? step.field : step.button
  const target = page.getByRole(isField ? 'textbox' : 'button', { name, exact: true })
  const number = page.getByRole('spinbutton', { name, exact: true })
  // of a page behind a dialog and the dialog the latter
  const found = isField ? target.or(number).last() : target.last()
  await found.waitFor()
  await tabTo(page, found)
  if (isField) await page.keyboard.type(step.text)
  else await page.keyboard.press('Enter')
}

/** Goes on to an element as a reader without a mouse does, and looks at each stop whether it can be seen. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stops = 0; stops < STOPS_MAX; stops++) {
    await page.keyboard.press('Tab')
    const stop = await page.evaluate(() => {
      const element = document.activeElement!
      const { outlineStyle, outlineWidth } = getComputedStyle(element)
      const { width, height } = element.getBoundingClientRect()
      const isBody = element === document.body
      return { html: element.outerHTML.slice(0, 120), isBody, outlineStyle, outlineWidth, width, height }
    })
    // between the last and the first it is in the browser's own bar
    if (!stop.isBody) expectInSight(stop)
    if (await target.evaluate((element) => element === document.activeElement)) return
  }
  throw new Error(`no way by Tab to ${target}`)
}

type Stop = { html: string; outlineStyle: string; outlineWidth: string; width: number; height: number }

function expectInSight({ html, outlineStyle, outlineWidth, width, height }: Stop): void {
  const hasOutline = outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 1
  expect({ html, hasOutline, hasSize: width * height > 0 }).toEqual({ html, hasOutline: true, hasSize: true })
}
