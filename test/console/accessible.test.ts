import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { returnOrder } from '../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { failOrder } from '../support/fail-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed, startTestWorker } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { startReceiver } from '../support/webhook-receiver.ts'
import { listenAt, untilDelivery } from '../support/webhooks.ts'
import { findViolations, hasNoBrowser, isTooWide, launchBrowser, openConsole } from './support/browser.ts'

const SCHEMES = ['light', 'dark'] as const
/** A phone, a laptop, a large screen. */
const WIDTHS = [375, 1_280, 1_920]

/** What each case is about: of the orders that are there, by what became of them. */
const ids: Record<'returned' | 'failed' | 'short' | 'hold' | 'webhook', string> = {
  returned: '',
  failed: '',
  short: '',
  hold: '',
  webhook: '',
}

type Case = {
  /** What the page shows. */
  name: string
  path: string | (() => string)
  /** A server with something in every list (unless another is named), with nothing in it, or one that asks for a token. */
  at?: 'full' | 'empty' | 'roles'
  /** The heading that stands there once it is drawn; or what leads on from the page to what is looked at. */
  until: string | RegExp | ((page: Page) => Promise<unknown>)
}

const opens = (button: string) => async (page: Page) => {
  await page.getByRole('button', { name: button, exact: true }).click()
  await page.getByRole('dialog').waitFor()
}
const order = (of: keyof typeof ids) => () => `/console/orders/${ids[of]}`
const NO_ID = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

/** Every page, in each state that looks another. A new page needs its line. */
const CASES: readonly Case[] = [
  { name: 'sign-in', at: 'roles', path: '/console', until: 'Sign in to Holdfast' },
  {
    name: 'overview',
    path: '/console/overview',
    until: (page) => page.locator('.chart canvas').first().waitFor(),
  },
  { name: 'orders', path: '/console/orders', until: (page) => page.getByRole('table').waitFor() },
  { name: 'orders, none that fits', path: '/console/orders?sku=NONE', until: 'No order fits' },
  { name: 'orders, none at all', at: 'empty', path: '/console/orders', until: 'There are no orders yet' },
  {
    name: 'order, shipped and returned',
    path: order('returned'),
    until: (page) => page.getByText('Order returned').waitFor(),
  },
  { name: 'order, failed', path: order('failed'), until: 'Dead letters' },
  { name: 'order, asked of a supplier', path: order('short'), until: 'Asked of the supplier' },
  { name: 'order, shipping', path: order('returned'), until: opens('Ship') },
  { name: 'order, taking back', path: order('returned'), until: opens('Take back') },
  { name: 'order, cancelling', path: order('returned'), until: opens('Cancel') },
  { name: 'order, extending', path: order('hold'), until: opens('Extend') },
  { name: 'order, confirming', path: order('hold'), until: opens('Confirm') },
  { name: 'no order', path: `/console/orders/${NO_ID}`, until: 'There is no such order' },
  { name: 'stock', path: '/console/stock', until: (page) => page.getByRole('table').waitFor() },
  { name: 'stock, none that fits', path: '/console/stock?sku=NONE', until: 'No item fits' },
  { name: 'stock, none at all', at: 'empty', path: '/console/stock', until: 'There are no items yet' },
  { name: 'stock, a new item', path: '/console/stock', until: opens('New item') },
  { name: 'item', path: '/console/stock/GIZMO', until: (page) => page.locator('.chart canvas').waitFor() },
  {
    name: 'item that orders wait for',
    path: '/console/stock/SCARCE',
    until: 'Nothing has moved',
  },
  { name: 'item, receiving', path: '/console/stock/GIZMO', until: opens('Receive') },
  { name: 'item, counting', path: '/console/stock/GIZMO', until: opens('Count') },
  { name: 'item, adjusting', path: '/console/stock/GIZMO', until: opens('Adjust') },
  { name: 'item, transferring', path: '/console/stock/GIZMO', until: opens('Transfer') },
  { name: 'item, its rules', path: '/console/stock/GIZMO', until: opens('Rules') },
  { name: 'no item', path: '/console/stock/NONE', until: 'There is no item NONE' },
  { name: 'no movement', path: '/console/movements/999', until: 'There is no such movement' },
  { name: 'import', path: '/console/import', until: 'Files to work with' },
  { name: 'import, tried out', path: '/console/import', until: tryOutFile },
  { name: 'dead letters', path: '/console/dead-letters', until: (page) => page.getByRole('table').waitFor() },
  {
    name: 'dead letters, none',
    at: 'empty',
    path: '/console/dead-letters',
    until: 'There are no dead letters',
  },
  { name: 'dead letters, retrying', path: '/console/dead-letters', until: opens('Retry all') },
  { name: 'webhooks', path: '/console/webhooks', until: (page) => page.getByRole('table').waitFor() },
  { name: 'webhooks, none', at: 'empty', path: '/console/webhooks', until: 'There are no webhooks yet' },
  { name: 'webhooks, a new one', path: '/console/webhooks', until: opens('New webhook') },
  {
    name: 'webhook',
    path: () => `/console/webhooks/${ids.webhook}`,
    until: (page) => page.getByText('Body').click(),
  },
  { name: 'webhook, changing', path: () => `/console/webhooks/${ids.webhook}`, until: opens('Change') },
  { name: 'no webhook', path: `/console/webhooks/${NO_ID}`, until: 'There is no such webhook' },
  { name: 'locations', path: '/console/locations', until: (page) => page.getByRole('table').waitFor() },
  { name: 'locations, a new one', path: '/console/locations', until: opens('New location') },
  { name: 'no page', path: '/console/nowhere', until: /^There is no such page$/ },
]

function addressOf({ path }: Pick<Case, 'path'>): string {
  return typeof path === 'string' ? path : path()
}

async function tryOutFile(page: Page): Promise<void> {
  const file = {
    name: 'changes.csv',
    mimeType: 'text/csv',
    buffer: Buffer.from('sku,delta\nNO-SUCH,1\nGIZMO,1\n'),
  }
  await page.getByLabel('File').setInputFiles(file)
  await page.getByRole('button', { name: 'Try it out' }).click()
  await page.getByRole('table', { name: 'Refused rows' }).waitFor()
}

describe.skipIf(hasNoBrowser)('in dark and light, from a phone to a large screen, accessible is', () => {
  const servers: Partial<Record<'full' | 'empty' | 'roles', TestServer | RolesServer>> = {}
  let browser: Browser
  beforeAll(async () => {
    const options = { servesConsole: true }
    const full = await serveTestApp(options)
    Object.assign(servers, { full, empty: await serveTestApp(options), roles: await serveRoles(options) })
    await fill(full)
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    for (const server of Object.values(servers)) await server.close()
  })

  it('every page that there is', async () => {
    const source = await readFile(new URL('../../console/src/pages.tsx', import.meta.url), 'utf8')
    const pages = [...source.matchAll(/path: '(.+)',/g)].map(([, path]) => path!)
    expect(pages.length).toBeGreaterThan(10)
    const looked = CASES.map(addressOf)
    const isLookedAt = (path: string) =>
      looked.some((address) => new RegExp(`^${path.replace(/:\w+/, '[^/]+')}$`).test(address.split('?')[0]!))
    expect(pages.filter((path) => !isLookedAt(path))).toEqual([])
  })

  it.each(CASES)('$name', async ({ at = 'full', until, ...named }: Case) => {
    const { page, allowFailedCalls, close } = await openConsole(browser, servers[at]!.url, addressOf(named))
    // that a token is wanted
    if (at === 'roles') allowFailedCalls()
    if (typeof until === 'function') await until(page)
    else await page.getByRole('heading', { name: until }).first().waitFor()
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 })
      for (const colorScheme of SCHEMES) {
        await page.emulateMedia({ colorScheme })
        const found = {
          width,
          colorScheme,
          violations: await findViolations(page),
          isTooWide: await isTooWide(page),
        }
        expect(found).toEqual({ width, colorScheme, violations: [], isTooWide: false })
      }
    }
    await close()
  })
})

/** Puts something into every list. */
async function fill(full: TestServer): Promise<void> {
  const { app } = full
  await seed(app).location('NORTH')
  await seed(app).item({ sku: 'GIZMO', available: 1_000 })
  await seed(app).stock({ location: 'NORTH', qty: 7 })
  await seed(app).item({ sku: 'SCARCE' })
  ids.webhook = await deliver(full)
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'GIZMO', lowStockAt: 5_000n })
  const place = async (...args: Parameters<ReturnType<typeof seed>['order']>) =>
    (await seed(app).order(...args)).id
  ids.returned = await place({ qty: 9, customerId: 'alice' })
  ids.hold = await place({ holdSeconds: 600 })
  ids.short = await place({ sku: 'SCARCE', qty: 4 })
  await reserveOrders(app, [ids.returned, ids.hold, ids.short])
  await shipOrder(app, LOCAL_OPERATOR, {
    id: ids.returned,
    lines: [{ sku: 'GIZMO', qty: 2 }],
    reference: 'DHL 1',
  })
  await returnOrder(app, LOCAL_OPERATOR, {
    id: ids.returned,
    lines: [{ sku: 'GIZMO', qty: 1, disposition: 'RESTOCK' }],
  })
  ids.failed = await place()
  await failOrder(app, ids.failed)
}

/** Has a webhook told of something, which its receiver refuses. @returns its id */
async function deliver({ app, testApp }: TestServer): Promise<string> {
  const receiver = await startReceiver()
  receiver.follow((_, response) => void response.writeHead(500).end('no disk'))
  const { id } = await listenAt(app, receiver.url, ['*'])
  const worker = await startTestWorker(testApp)
  await seed(app).stock()
  await untilDelivery(app, id, ({ attempts }) => attempts === 1)
  await worker.stop()
  await receiver.close()
  return id
}
