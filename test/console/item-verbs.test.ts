import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { readItem } from '../support/read-stock.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { findViolations, hasNoBrowser, isTooWide, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)("what is done with an item's stock in the console", () => {
  let server: TestServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const open = (sku: string) => openConsole(browser, server.url, `/console/stock/${sku}`)
  const movementsOf = (sku: string) =>
    server.app.prisma.inventoryMovement.findMany({ where: { sku }, orderBy: { id: 'asc' } })
  const dialogOf = async (page: Page, button: string) => {
    await page.getByRole('button', { name: button, exact: true }).click()
    return page.getByRole('dialog')
  }

  it('receives, says before what will be and after what is, and once however often it is sent', async () => {
    await seed(server.app).item({ sku: 'RECEIVED', available: 12 })
    const { page, close } = await open('RECEIVED')
    const sent: string[] = []
    page.on('request', (request) => {
      const { query, variables } = (request.postDataJSON() ?? {}) as Call
      if (query?.includes('receiveInventory')) sent.push(variables.input.idempotencyKey)
    })
    const dialog = await dialogOf(page, 'Receive')
    await dialog.getByLabel('Quantity').fill('7')
    await dialog.getByLabel('Reference').fill('DELIVERY-17')
    await dialog.getByText('On hand at MAIN goes from 12 to 19.').waitFor()
    expect(await findViolations(page)).toEqual([])
    // twice before the page could draw that it is busy
    await dialog.locator('form').evaluate((form: HTMLFormElement) => {
      form.requestSubmit()
      form.requestSubmit()
    })
    await page.getByText('Received 7 at MAIN: 19 on hand').waitFor()
    await page.getByRole('row', { name: /Receipt.*12 to 19.*ref\. DELIVERY-17/ }).waitFor()
    await expect.poll(() => sent.length).toBe(2)
    expect(new Set(sent).size).toBe(1)
    expect(await readItem(server.app, 'RECEIVED')).toMatchObject({ available: 19n })

    // the next receipt is another one
    await dialogOf(page, 'Receive')
    await dialog.getByLabel('Quantity').fill('7')
    await dialog.getByRole('button', { name: 'Receive' }).dblclick()
    await page.getByText('Received 7 at MAIN: 26 on hand').waitFor()
    expect(await movementsOf('RECEIVED')).toHaveLength(3)
    await close()
  })

  it('adjusts; what was done and whose answer was lost is not done again', async () => {
    await seed(server.app).item({ sku: 'ADJUSTED', available: 12 })
    const { page, allowFailedCalls, close } = await open('ADJUSTED')
    allowFailedCalls()
    const dialog = await dialogOf(page, 'Adjust')
    await dialog.getByLabel('Change').fill('-5')
    await dialog.getByLabel('Reason').fill('broken')
    await dialog.getByText('On hand at MAIN goes from 12 to 7.').waitFor()
    const lost = Promise.withResolvers<void>()
    await page.route('**/graphql', async (route) => {
      if (!route.request().postData()?.includes('adjustInventory')) return route.continue()
      await route.fetch()
      await route.abort()
      await page.unroute('**/graphql')
      lost.resolve()
    })
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await lost.promise
    await dialog.getByText('No answer came').waitFor()
    expect(await readItem(server.app, 'ADJUSTED')).toMatchObject({ available: 7n })
    // something else under the same key would be a mistake
    await dialog.getByLabel('Change').fill('-6')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await dialog.getByText('What you sent before was done').waitFor()
    await dialog.getByLabel('Change').fill('-5')
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await page.getByText('Adjusted at MAIN: 7 on hand').waitFor()
    await page.getByRole('row', { name: /Adjustment.*12 to 7.*broken/ }).waitFor()
    expect(await readItem(server.app, 'ADJUSTED')).toMatchObject({ available: 7n })
    await close()
  })

  it('takes promises back by an adjustment only where that is chosen', async () => {
    const { app } = server
    await seed(app).item({ sku: 'PROMISED', available: 10 })
    const { id } = await seed(app).order({ sku: 'PROMISED', qty: 8 })
    await reserveOrders(app, [id])
    const { page, close } = await open('PROMISED')
    const dialog = await dialogOf(page, 'Adjust')
    await dialog.getByLabel('Change').fill('-5')
    await dialog.getByLabel('Reason').fill('broken')
    await dialog.getByText('It will be refused: only 2 are available at MAIN').waitFor()
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await dialog.getByText('Only 2 are available', { exact: true }).waitFor()
    await dialog.getByLabel('Take promises back').check()
    await dialog.getByText('Promises of at least 3 are taken back from the newest orders').waitFor()
    expect(await findViolations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Adjust' }).click()
    await page.getByText('Adjusted at MAIN: 5 on hand').waitFor()
    // it waits again, and the page leads to it
    await page
      .getByRole('table', { name: 'Orders that wait' })
      .getByRole('link', { name: `Order ${id}` })
      .waitFor()
    await close()
  })

  it('counts as of when the dialog was opened; what moves meanwhile is not counted twice', async () => {
    const { app } = server
    await seed(app).item({ sku: 'COUNTED', available: 12 })
    const { page, close } = await open('COUNTED')
    const dialog = await dialogOf(page, 'Count')
    await dialog.getByText('Compared with the 12 on hand when you began').waitFor()
    await dialog.getByLabel('Counted').fill('9')
    await dialog.getByText('On hand at MAIN goes from 12 to 9.').waitFor()
    await seed(app).stock({ sku: 'COUNTED', qty: 100 })
    // three are missing still
    await dialog.getByText('On hand at MAIN goes from 112 to 109.').waitFor()
    await dialog.getByLabel('Counted').press('Enter')
    await page.getByText('Counted at MAIN: 109 on hand, 112 before').waitFor()
    await page.getByRole('row', { name: /Count #.*112 to 109/ }).waitFor()
    expect(await readItem(app, 'COUNTED')).toMatchObject({ available: 109n })
    await close()
  })

  it('counts less than is promised: refused, or the newest orders wait again, which are named before', async () => {
    const { app } = server
    await seed(app).item({ sku: 'SHORT', available: 10 })
    const older = await seed(app).order({ sku: 'SHORT', qty: 4 })
    const newer = await seed(app).order({ sku: 'SHORT', qty: 5 })
    await reserveOrders(app, [older.id, newer.id])
    const { page, close } = await open('SHORT')
    const dialog = await dialogOf(page, 'Count')
    await dialog.getByLabel('Counted').fill('6')
    await dialog.getByText('It will be refused: 9 are promised to orders').waitFor()
    await dialog.getByLabel('Take promises back').check()
    await dialog.getByText('1 order loses its promise and waits again').waitFor()
    await dialog.getByRole('link', { name: `Order ${newer.id}` }).waitFor()
    await dialog.getByRole('button', { name: 'Correct' }).click()
    await page.getByText('Counted at MAIN: 6 on hand, 10 before; 1 order waits again').waitFor()
    await page.getByText('Backordered 5').waitFor()
    await close()
  })

  it('transfers between locations, and says what becomes of each', async () => {
    const { app } = server
    await seed(app).item({ sku: 'MOVED', available: 12 })
    const { page, close } = await open('MOVED')
    const dialog = await dialogOf(page, 'Transfer')
    await dialog.getByText('All stock is at the one location').waitFor()
    await dialog.getByRole('button', { name: 'Close' }).click()
    await seed(app).location('NORTH')
    await seed(app).location('QUARANTINE', { isActive: false })
    await page.reload()
    await dialogOf(page, 'Transfer')
    await dialog.getByLabel('Quantity').fill('13')
    await dialog.getByText('It will be refused: only 12 are available at MAIN').waitFor()
    await dialog.getByLabel('Quantity').fill('5')
    await dialog.getByLabel('To', { exact: true }).selectOption('QUARANTINE')
    await dialog.getByText('On hand at MAIN goes from 12 to 7.').waitFor()
    await dialog.getByText('On hand at QUARANTINE goes from 0 to 5.').waitFor()
    await dialog.getByText('QUARANTINE is inactive').waitFor()
    await dialog.getByRole('button', { name: 'Transfer' }).click()
    await page.getByText('Transferred. 7 on hand at MAIN, 5 on hand at QUARANTINE').waitFor()
    await page.getByRole('row', { name: /Transfer in #.*QUARANTINE.*0 to 5/ }).waitFor()

    // the ledger of one location, by its address
    await page.getByLabel('Movements at').selectOption('QUARANTINE')
    await page.getByRole('row', { name: /Receipt #/ }).waitFor({ state: 'detached' })
    expect(new URL(page.url()).search).toBe('?location=QUARANTINE')
    await page.getByRole('img', { name: 'On hand at QUARANTINE, by the newest 1 movements: now 5' }).waitFor()
    await page.goBack()
    await page.getByRole('row', { name: /Receipt #/ }).waitFor()
    await page.getByRole('img', { name: /^On hand at all locations.*now 12$/ }).waitFor()
    await close()
  })

  it('sets when an item is low and what is never promised, and the page shows it', async () => {
    await seed(server.app).item({ sku: 'RULED', available: 12 })
    const { page, close } = await open('RULED')
    await page.getByText('In stock').waitFor()
    const dialog = await dialogOf(page, 'Rules')
    await dialog.getByText('The item never counts as low.').waitFor()
    await dialog.getByLabel('Low at').fill('9')
    await dialog.getByLabel('Safety stock').fill('4')
    await dialog.getByText('What can be promised at MAIN goes from 12 to 8.').waitFor()
    expect(await findViolations(page)).toEqual([])
    await dialog.getByRole('button', { name: 'Set' }).click()
    await page.getByText('Low', { exact: true }).waitFor()
    await dialogOf(page, 'Rules')
    expect(await dialog.getByLabel('Low at').inputValue()).toBe('9')
    expect(await dialog.getByLabel('Safety stock').inputValue()).toBe('4')
    await dialog.getByLabel('Low at').fill('')
    await dialog.getByRole('button', { name: 'Set' }).click()
    await page.getByText('In stock').waitFor()
    await close()
  })

  it('fits a phone with a dialog open', async () => {
    await seed(server.app).item({ sku: 'SMALL', available: 12 })
    const { page, close } = await openConsole(browser, server.url, '/console/stock/SMALL', {
      viewport: { width: 375, height: 760 },
      colorScheme: 'dark',
    })
    const dialog = await dialogOf(page, 'Count')
    await dialog.getByLabel('Counted').fill('3')
    await dialog.getByText('On hand at MAIN goes from 12 to 3.').waitFor()
    expect(await findViolations(page)).toEqual([])
    expect(await isTooWide(page)).toBe(false)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    expect(await readItem(server.app, 'SMALL')).toMatchObject({ available: 12n })
    await close()
  })
})

type Call = { query?: string; variables: { input: { idempotencyKey: string } } }
