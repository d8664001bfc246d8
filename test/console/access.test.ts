import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seed } from '../support/harness.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { mint } from '../support/tokens.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('with authentication', () => {
  let server: RolesServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    await seed(server.testApp.app).item({ sku: 'GIZMO', available: 10 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it('a token is asked for once, kept in this tab alone, and forgotten by signing out', async () => {
    const { id } = await seed(server.testApp.app).order()
    const { page, allowFailedCalls, close } = await openConsole(browser, server.url, `/console/orders/${id}`)
    allowFailedCalls()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await findViolations(page)).toEqual([])
    await page.getByLabel('Token').fill(`Bearer ${await mint('olga', 'operator')}`)
    await page.getByRole('button', { name: 'Sign in' }).click()
    // where the link led to
    await page.getByText('Order created').waitFor()
    expect(await page.evaluate(() => [localStorage.length, document.cookie, sessionStorage.length])).toEqual([
      0,
      '',
      1,
    ])
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    expect(await page.evaluate(() => sessionStorage.length)).toBe(0)
    await close()
  })

  it('one that is no good, or has expired, is refused in words', async () => {
    const { page, allowFailedCalls, close } = await openConsole(browser, server.url, '/console')
    allowFailedCalls()
    await page.getByLabel('Token').fill('nonsense')
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByText('The token is not valid. Paste another one.').waitFor()
    await page.getByLabel('Token').fill(await mint('olga', 'operator', new Date(Date.now() + 10_000)))
    await page.getByRole('button', { name: 'Sign in' }).click()
    await page.getByRole('heading', { name: 'Overview' }).waitFor()
    await page.getByText('The token has expired. Paste another one.').waitFor()
    await close()
  })
})
