import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('a dialog with a form in the console', () => {
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

  it('shows each user error once: at its field, or below the form where that field is not drawn', async () => {
    await seed(server.app).item({ sku: 'REFUSED', available: 12 })
    const { page, close } = await openConsole(browser, server.url, '/console/stock/REFUSED')
    await page.route('**/graphql', (route) => {
      if (!route.request().postData()?.includes('receiveInventory')) return route.continue()
      const userErrors = [
        { message: 'Wrong quantity', field: ['input', 'qty'], __typename: 'UserError' },
        // there is one location, so none is chosen
        { message: 'Wrong location', field: ['input', 'location'], __typename: 'UserError' },
        { message: 'Wrong as a whole', field: null, __typename: 'UserError' },
      ]
      const receiveInventory = { movement: null, userErrors, __typename: 'ReceiveInventoryPayload' }
      return route.fulfill({ json: { data: { receiveInventory } } })
    })
    await page.getByRole('button', { name: 'Receive', exact: true }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Quantity').fill('7')
    await dialog.getByRole('button', { name: 'Receive' }).click()
    await dialog.getByText('Wrong as a whole').waitFor()
    expect(await dialog.locator('.error-text').allTextContents()).toEqual([
      'Wrong quantity',
      'Wrong location',
      'Wrong as a whole',
    ])
    const quantity = dialog.getByRole('spinbutton', { name: 'Quantity', description: 'Wrong quantity' })
    expect(await quantity.getAttribute('aria-invalid')).toBe('true')
    expect(await dialog.getByLabel('Reason').getAttribute('aria-invalid')).toBe('false')
    await close()
  })
})
