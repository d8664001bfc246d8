import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { findViolations, hasNoBrowser, isTooWide, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the overview of the console', () => {
  let server: TestServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    await seed(server.app).item({ sku: 'GIZMO', available: 100 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it('is where an operator begins; it counts orders as they come, and leads to them', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console')
    const pending = page.getByRole('link', { name: /Pending/ })
    await expect.poll(() => pending.textContent()).toBe('Pending0')
    const { id } = await seed(server.app).order()
    await expect.poll(() => pending.textContent(), { timeout: 10_000 }).toBe('Pending1')
    await page.getByRole('img', { name: /now 1$/ }).waitFor()
    expect(await page.locator('.chart canvas').count()).toBe(1)
    await pending.click()
    await page.getByRole('link', { name: id }).waitFor()
    await close()
  })

  it.each([375, 1280])('is accessible at a width of %i', async (width) => {
    const { page, close } = await openConsole(browser, server.url, '/console/overview', {
      viewport: { width, height: 800 },
    })
    await page.locator('.chart canvas').waitFor()
    expect(await findViolations(page)).toEqual([])
    expect(await isTooWide(page)).toBe(false)
    await close()
  })
})
