import { readFile } from 'node:fs/promises'
import type { Browser, Download, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seed } from '../support/harness.ts'
import { readItem } from '../support/read-stock.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the import of the console', () => {
  let server: RolesServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    for (const sku of ['GIZMO', 'WIDGET', 'GADGET', 'DOODAH'])
      await seed(server.testApp.app).item({ sku, available: 10 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const open = (options = {}) =>
    openConsole(browser, server.url, '/console/import', {
      authorization: server.authorizations.operator,
      ...options,
    })
  const choose = (page: Page, text: string) =>
    page.getByLabel('File').setInputFiles({
      name: 'changes.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from(text),
    })
  const figure = (page: Page, name: string) =>
    page.locator('dl.figures > div', { hasText: name }).locator('dd').textContent()
  const availableOf = async (sku: string) => (await readItem(server.testApp.app, sku)).available

  it('shows what would change, then changes it; what is refused can be saved', async () => {
    const { page, close } = await open()
    await choose(page, 'sku,delta,reason\nGIZMO,-3,broken\nWIDGET,4,found\n=GADGTE,1,"a ""b"""\n')
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByText('Nothing is changed yet').waitFor()
    expect(await figure(page, 'Would change')).toBe('2')
    expect(await figure(page, 'Refused')).toBe('1')
    await page.getByRole('row', { name: /^4 =GADGTE There is no item/ }).waitFor()
    const changes = page.getByRole('table', { name: 'Rows that would change something' })
    expect(await changes.getByRole('row').allInnerTexts()).toEqual([
      'Line\tSKU\tLocation\tBefore\tChange\tAfter',
      '2\tGIZMO\tMAIN\t10\t-3\t7',
      '3\tWIDGET\tMAIN\t10\t+4\t14',
    ])
    expect(await availableOf('GIZMO')).toBe(10n)
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Download refused rows' }).click(),
    ])
    expect(await textOf(download)).toBe(
      'line,sku,code,message\r\n"4","\'=GADGTE","UNKNOWN_SKU","There is no item with the SKU ""=GADGTE"""\r\n'.replace(
        'line,sku,code,message',
        '"line","sku","code","message"',
      ),
    )

    await page.getByRole('button', { name: 'Import 2 rows' }).click()
    const question = page.getByRole('dialog', { name: 'Import the file?' })
    await question.getByText('1 refused row is left out').waitFor()
    expect(await findViolations(page)).toEqual([])
    await question.getByRole('button', { name: 'Leave it' }).click()
    expect(await availableOf('GIZMO')).toBe(10n)
    await page.getByRole('button', { name: 'Import 2 rows' }).click()
    await question.getByRole('button', { name: 'Import 2 rows' }).click()
    await page.getByText('The file is imported.').waitFor()
    expect(await figure(page, 'Changed')).toBe('2')
    expect([await availableOf('GIZMO'), await availableOf('WIDGET')]).toEqual([7n, 14n])
    await close()
  })

  it('goes on with the same file after the connection broke off, and changes nothing twice', async () => {
    const { page, allowFailedCalls, close } = await open()
    allowFailedCalls()
    const text = 'sku,delta\nGADGET,5\n'
    await choose(page, text)
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByRole('button', { name: 'Import 1 row' }).click()
    await page.route('**/api/inventory/import', async (route) => {
      // the server gets the file, and the browser no answer
      const headers = { 'content-type': 'text/csv', authorization: server.authorizations.operator! }
      await fetch(`${server.url}/api/inventory/import`, { method: 'POST', headers, body: text })
      await route.abort()
    })
    await page.getByRole('dialog').getByRole('button', { name: 'Import 1 row' }).click()
    await page.getByText('The import broke off').waitFor()
    await page.unroute('**/api/inventory/import')
    await page.getByRole('button', { name: 'Go on with the import' }).click()
    await page.getByText('This very file was imported before').waitFor()
    expect(await figure(page, 'Changed')).toBe('1')
    expect(await availableOf('GADGET')).toBe(15n)
    await close()
  })

  it('says how far a file is while it is imported', async () => {
    const { page, close } = await open()
    await choose(page, 'sku,delta\nDOODAH,1\n')
    await page.getByRole('button', { name: 'Try it out' }).click()
    // it is not done before its level is free
    const holder = await server.testApp.app.pool.connect()
    await holder.query(`begin; select from stock_levels where sku = 'DOODAH' for update`)
    await page.getByRole('button', { name: 'Import 1 row' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Import 1 row' }).click()
    await page.getByText('Importing: 0 of 1 rows').waitFor()
    await holder.query('rollback')
    holder.release()
    await page.getByText('The file is imported.').waitFor()
    expect(await figure(page, 'Changed')).toBe('1')
    await close()
  })

  it('says of a file that is none what is wrong with it', async () => {
    const { page, allowFailedCalls, close } = await open()
    allowFailedCalls()
    await choose(page, 'sku,stock\nGIZMO,3\n')
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByText(/stock.*Nothing was changed\./).waitFor()
    await choose(page, 'sku,counted\nGIZMO,\n')
    await page.getByRole('button', { name: 'Try it out' }).click()
    await page.getByText('There is nothing to import').waitFor()
    expect(await figure(page, 'Not counted')).toBe('1')
    await close()
  })

  it('saves the count sheet and the ledger, for which a link would have no token', async () => {
    const { page, close } = await open()
    for (const [button, name, text] of [
      ['Download count sheet', 'count-sheet.csv', /^sku,location,name,on_hand.*\r\nDOODAH,MAIN,DOODAH,11,/],
      ['Download ledger', 'movements.csv', /^id,sku,location,type.*\r\n1,GIZMO,MAIN,RECEIPT,10,/],
    ] as const) {
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: button }).click(),
      ])
      expect(download.suggestedFilename()).toBe(name)
      expect(await textOf(download)).toMatch(text)
    }
    await close()
  })
})

async function textOf(download: Download): Promise<string> {
  return readFile(await download.path(), 'utf8')
}
