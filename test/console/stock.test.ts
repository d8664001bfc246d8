import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { seed } from '../support/harness.ts'
import { readItem } from '../support/read-stock.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the stock of the console', () => {
  let server: RolesServer
  let browser: Browser
  let waitingId: string
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    const { app } = server.testApp
    for (const [sku, available] of [
      ['PLENTY', 1_000],
      ['LITTLE', 3],
      ['NOTHING', 0],
    ] as const)
      await seed(app).item({ sku, available })
    await setStockRules(app, LOCAL_OPERATOR, { sku: 'LITTLE', lowStockAt: 5n })
    const waiting = await seed(app).order({ sku: 'NOTHING', qty: 4, ifShort: 'WAIT', customerId: 'alice' })
    waitingId = waiting.id
    await reserveOrders(app, [waitingId])
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const open = (path: string, options = {}, who = 'operator') =>
    openConsole(browser, server.url, path, { authorization: server.authorizations[who], ...options })

  it('lists each item with what there is and how it stands', async () => {
    const { page, close } = await open('/console/stock')
    const row = (sku: string) => page.getByRole('row', { name: new RegExp(`^${sku}`) })
    await row('PLENTY').getByText('In stock').waitFor()
    await row('LITTLE').getByText('Low', { exact: true }).waitFor()
    await row('NOTHING').getByText('Out', { exact: true }).waitFor()
    await row('NOTHING').getByText('Backordered 4').waitFor()
    expect(await row('PLENTY').textContent()).toContain('1,000')
    // as it changes
    await seed(server.testApp.app).stock({ sku: 'PLENTY', qty: 5 })
    await row('PLENTY').getByText('1,005').first().waitFor()
    await close()
  })

  it('is filtered by state and by the beginning of the SKU; the address keeps it, and back undoes it', async () => {
    const { page, close } = await open('/console/stock')
    const links = () => page.getByRole('table').getByRole('link').allInnerTexts()
    for (const [state, skus] of [
      ['Low', ['LITTLE']],
      ['Out', ['NOTHING']],
      ['Backordered', ['NOTHING']],
    ] as const) {
      await page.getByLabel('State').selectOption(state)
      await page.getByRole('button', { name: 'Filter' }).click()
      await expect.poll(links).toEqual(skus)
    }
    await page.getByLabel('State').selectOption('Any')
    await page.getByLabel('SKU begins with').fill('PL')
    await page.getByLabel('SKU begins with').press('Enter')
    await expect.poll(links).toEqual(['PLENTY'])
    expect(page.url()).toBe(`${server.url}/console/stock?sku=PL`)
    await page.goBack()
    await expect.poll(links).toEqual(['NOTHING'])
    await page.getByLabel('SKU begins with').fill('no such')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('heading', { name: 'No item fits' }).waitFor()
    await page.getByRole('link', { name: 'Show all' }).click()
    await expect.poll(async () => (await links()).length).toBeGreaterThan(2)
    await close()
  })

  it('leads to an item by its link, or by its SKU pasted whole', async () => {
    const { page, close } = await open('/console/stock')
    await page.getByRole('link', { name: 'LITTLE' }).click()
    await page.getByRole('heading', { name: 'LITTLE' }).waitFor()
    expect(page.url()).toBe(`${server.url}/console/stock/LITTLE`)
    await page.goBack()
    await page.getByLabel('Whole SKU').fill(' NOTHING ')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByRole('heading', { name: 'NOTHING', exact: true }).waitFor()
    // who waits for it is a link away
    await page.getByRole('link', { name: `Order ${waitingId}` }).click()
    await page.getByText('Order created').waitFor()
    await page.goBack()
    await page.goBack()
    await page.getByLabel('Whole SKU').fill('nothing')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByRole('heading', { name: 'There is no item nothing' }).waitFor()
    await close()
  })

  it('gets a new item, with what it begins with', async () => {
    const { page, close } = await open('/console/stock')
    await page.getByRole('button', { name: 'New item' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('SKU').fill('LITTLE')
    await dialog.getByLabel('Name').fill('A new one')
    await dialog.getByLabel('On hand').fill('12')
    await dialog.getByText('It begins with 12 at MAIN').waitFor()
    expect(await findViolations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Create' }).click()
    await expect.poll(() => dialog.getByLabel('SKU').getAttribute('aria-invalid')).toBe('true')
    await dialog.getByLabel('SKU').fill('NEW-1')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await page.getByRole('heading', { name: 'NEW-1' }).waitFor()
    await page.getByRole('row', { name: /Receipt #.*0 to 12.*by olga/ }).waitFor()
    expect(await readItem(server.testApp.app, 'NEW-1')).toMatchObject({ name: 'A new one', available: 12n })
    await close()
  })

  it('is paged by links, and so is the ledger of an item', async () => {
    const { app } = server.testApp
    for (let index = 10; index < 61; index++) await seed(app).item({ sku: `PAGED-${index}` })
    const { page, visit, close } = await open('/console/stock?sku=PAGED')
    await page.getByRole('link', { name: 'More items' }).click()
    await page.getByRole('link', { name: 'PAGED-60' }).waitFor()
    expect(await page.getByRole('table').getByRole('link').count()).toBe(1)
    await page.getByRole('link', { name: 'First items' }).click()
    await page.getByRole('link', { name: 'PAGED-10' }).waitFor()
    for (let index = 0; index < 26; index++) await seed(app).stock({ sku: 'PAGED-10' })
    await visit('/console/stock/PAGED-10')
    await page.getByRole('link', { name: 'Older movements' }).click()
    await page.getByRole('row', { name: /Adjustment #.*0 to 1/ }).waitFor()
    expect(await page.getByRole('row', { name: /Adjustment #/ }).count()).toBe(1)
    await close()
  })

  it("is a service's to read, receive, count and transfer; it gets no button for anything else", async () => {
    const { page, visit, close } = await open('/console/stock?sku=PLENTY', {}, 'service')
    await page.getByRole('link', { name: 'PLENTY' }).waitFor()
    expect(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts()).toEqual([
      'Orders',
      'Stock',
      'Import',
      'Locations',
    ])
    expect(await page.getByRole('button', { name: 'New item' }).count()).toBe(0)
    await page.getByRole('link', { name: 'PLENTY' }).click()
    await page.getByRole('table', { name: 'Movements' }).waitFor()
    const verbs = page.locator('.page-head', { has: page.getByRole('heading', { level: 1 }) })
    expect(await verbs.getByRole('button').allInnerTexts()).toEqual(['Receive', 'Count', 'Transfer'])
    await page.getByRole('button', { name: 'Receive' }).click()
    await page.getByLabel('Quantity').fill('5')
    await page.getByRole('dialog').getByRole('button', { name: 'Receive' }).click()
    await page.getByRole('row', { name: /Receipt #.*by shop/ }).waitFor()
    await page.getByRole('img', { name: /On hand at all locations.*: now 1,0\d\d$/ }).waitFor()
    await visit('/console/stock/NOTHING?location=MAIN')
    await page.getByText('Nothing of it was ever at MAIN. “Receive” and “Transfer” bring it there.').waitFor()
    await visit('/console/locations')
    await page.getByRole('row', { name: /^MAIN/ }).waitFor()
    expect(await page.getByRole('button', { name: /New location|Edit/ }).count()).toBe(0)
    await visit('/console/import')
    await page.getByText('A file with delta needs the token of an operator.').waitFor()
    for (const path of ['overview', 'dead-letters', 'webhooks']) {
      await visit(`/console/${path}`)
      await page.getByRole('heading', { name: 'There is no such page for your role' }).waitFor()
    }
    await close()
  })

  it("is no customer's, nor is any page but its orders: the page says so, and reads nothing", async () => {
    const { page, visit, close } = await open('/console', {}, 'customer')
    await page.getByRole('heading', { name: 'Orders', exact: true }).waitFor()
    expect(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts()).toEqual([
      'Orders',
    ])
    const asked: string[] = []
    page.on('request', (request) => {
      asked.push(request.postData() ?? '')
    })
    for (const path of ['overview', 'stock', 'stock/PLENTY', 'import', 'dead-letters', 'locations']) {
      await visit(`/console/${path}`)
      await page.getByRole('heading', { name: 'There is no such page for your role' }).waitFor()
      await page.getByText('You are signed in as customer.').waitFor()
      expect(await page.content()).not.toContain('1,00')
    }
    expect(asked.join()).not.toMatch(
      /status \{|locations|inventoryItem|movements|deadLetters|inventoryChanged/,
    )
    await close()
  })
})
