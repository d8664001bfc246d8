import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { chromium, type Page } from 'playwright-core'
import { findServer } from '../src/client/find-server.ts'
import { createWebhooksToShow } from './webhooks-to-show.ts'

// `npm run screenshots` writes docs/console/*.png: each page of the console at a running server, best after `npm run demo`. Set
// CHROMIUM where the browser is not Debian's; HOST, PORT and HOLDFAST_TOKEN say which server. That one needs
// WEBHOOK_PRIVATE_ADDRESSES=allow.

const FOLDER = fileURLToPath(new URL('../docs/console/', import.meta.url))
const { CHROMIUM = '/usr/bin/chromium' } = process.env

type Shot = {
  /** Of the file. */
  name: string
  path: string
  /** What leads on from there; the page is drawn when it resolves. */
  prepare: (page: Page) => Promise<unknown>
  options?: { colorScheme?: 'dark'; viewport?: { width: number; height: number } }
}

const openFirstOrder = async (page: Page) => {
  await page
    .getByRole('link', { name: /^Order / })
    .first()
    .click()
  await page.getByText('Order created').waitFor()
}
const untilOrders = (page: Page) =>
  page
    .getByRole('link', { name: /^Order / })
    .first()
    .waitFor()

const untilLedger = async (page: Page) => {
  await page.locator('.chart canvas').waitFor()
  await page.getByRole('table', { name: 'Movements' }).waitFor()
}
const countSome = async (page: Page) => {
  await page.getByRole('button', { name: 'Count' }).click()
  await page.getByLabel('Counted').fill('987')
  await page.getByText('goes from').waitFor()
}
const tryOutFile = async (page: Page) => {
  const text = 'sku,delta,reason\nWIDGET,-3,broken\nGADGET,12,found\nGADGTE,1,found\n'
  const file = { name: 'changes.csv', mimeType: 'text/csv', buffer: Buffer.from(text) }
  await page.getByLabel('File').setInputFiles(file)
  await page.getByRole('button', { name: 'Try it out' }).click()
  await page.getByText('Nothing is changed yet').waitFor()
}

const openFailingWebhook = async (page: Page) => {
  await page.getByRole('link', { name: '/shop' }).click()
  await page.getByText('Body').click()
}

/** A new page needs its line here, and its picture in docs/console.md. */
const SHOTS: readonly Shot[] = [
  // long enough for its charts to show something
  { name: 'overview', path: '/console', prepare: (page) => page.waitForTimeout(30_000) },
  { name: 'orders', path: '/console/orders', prepare: untilOrders },
  { name: 'orders-dark', path: '/console/orders', prepare: untilOrders, options: { colorScheme: 'dark' } },
  {
    name: 'orders-phone',
    path: '/console/orders',
    prepare: untilOrders,
    options: { viewport: { width: 375, height: 740 } },
  },
  { name: 'order', path: '/console/orders?status=SHIPPED', prepare: openFirstOrder },
  {
    name: 'order-ship',
    path: '/console/orders?status=RESERVED',
    prepare: async (page) => {
      await openFirstOrder(page)
      await page.getByRole('button', { name: 'Ship' }).click()
    },
  },
  {
    name: 'order-failed-dark',
    path: '/console/orders?status=FAILED&sku=SCARCE-DOWN',
    prepare: openFirstOrder,
    options: { colorScheme: 'dark' },
  },
  {
    name: 'stock',
    path: '/console/stock',
    prepare: (page) => page.getByRole('link', { name: 'WIDGET' }).waitFor(),
  },
  {
    name: 'item',
    path: '/console/stock/WIDGET',
    prepare: untilLedger,
    options: { viewport: { width: 1280, height: 1000 } },
  },
  { name: 'item-count', path: '/console/stock/WIDGET', prepare: countSome },
  { name: 'import', path: '/console/import', prepare: tryOutFile },
  {
    name: 'dead-letters',
    path: '/console/dead-letters',
    prepare: (page) => page.getByText('request-supplier').first().waitFor(),
  },
  {
    name: 'webhooks',
    path: '/console/webhooks',
    prepare: (page) => page.getByText('Failing', { exact: true }).waitFor(),
  },
  { name: 'webhook', path: '/console/webhooks', prepare: openFailingWebhook },
  {
    name: 'locations',
    path: '/console/locations',
    prepare: (page) => page.getByRole('code').first().waitFor(),
  },
]

const server = findServer()
const { url, authorization } = server
const webhooks = await createWebhooksToShow(server)
const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-gpu'] })
await mkdir(FOLDER, { recursive: true })
for (const { name, path, prepare, options } of SHOTS) {
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options })
  await page.addInitScript(
    (token) => token && sessionStorage.setItem('holdfast.token', token),
    authorization.replace('Bearer ', ''),
  )
  await page.goto(url + path)
  await prepare(page)
  await page.screenshot({ path: `${FOLDER}${name}.png` })
  await page.close()
  process.stdout.write(`docs/console/${name}.png\n`)
}
await browser.close()
await webhooks.remove()
