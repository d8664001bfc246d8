import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { extendHold } from '../../src/use-cases/orders/verbs/extend-hold.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the page of an order', () => {
  let server: RolesServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    await seed(server.testApp.app).item({ sku: 'GIZMO', available: 1_000 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const open = (who: string, id: string, options = {}) =>
    openConsole(browser, server.url, `/console/orders/${id}`, {
      authorization: server.authorizations[who],
      ...options,
    })

  it("shows times in the reader's zone, and in UTC on hover", async () => {
    const { app } = server.testApp
    const { id } = await seed(app).order()
    // in Auckland it is the next day, and summer
    await app.prisma.order.update({ where: { id }, data: { createdAt: new Date('2026-01-31T20:05:09Z') } })
    const { page, close } = await open('operator', id, { timezoneId: 'Pacific/Auckland', locale: 'en-GB' })
    const placed = page.locator('dl.facts > div', { hasText: 'Placed' }).locator('time')
    await placed.waitFor()
    expect(await placed.textContent()).toBe('1 Feb 2026, 09:05:09')
    expect(await placed.getAttribute('title')).toBe('2026-01-31 20:05:09 UTC')
    await close()
  })

  it('that changed more than a hundred times shows the newest hundred changes, and the others on demand', async () => {
    const { app } = server.testApp
    const { id } = await seed(app).order({ holdSeconds: 600 })
    for (let times = 0; times < 120; times++) await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 600 })
    const { page, close } = await open('operator', id)
    const shown = page.locator('.timeline > li')
    await page.locator('#version-121').getByText('Hold extended').waitFor()
    expect(await shown.count()).toBe(100)
    await page.getByText('21 are left').waitFor()
    await page.getByRole('button', { name: 'Show more' }).click()
    await page.getByText('Order created').waitFor()
    expect(await shown.count()).toBe(121)
    expect(await page.getByRole('button', { name: 'Show more' }).count()).toBe(0)
    await close()
  })

  it('that is short shows what is asked of the supplier, its job, and why nothing ships', async () => {
    const { app } = server.testApp
    await seed(app).item({ sku: 'SCARCE' })
    const { id } = await seed(app).order({
      lines: [
        ['GIZMO', 1],
        ['SCARCE', 9],
      ],
    })
    await reserveOrders(app, [id])
    const { page, close } = await open('operator', id)
    await page.getByRole('row', { name: /SCARCE.*9.*Asked/ }).waitFor()
    await page.getByRole('row', { name: /request-supplier.*Waits/ }).waitFor()
    await page.getByText('it can be shipped once that is reserved or cancelled').waitFor()
    expect(await page.locator('.order-actions').getByRole('button').allTextContents()).toEqual(['Cancel'])
    await close()
  })

  it("never shows another's by a deep link, and offers nothing", async () => {
    const { id } = await seed(server.testApp.app).order({ sku: 'GIZMO', customerId: 'bob' })
    await reserveOrders(server.testApp.app, [id])
    const { page, close } = await open('customer', id)
    await page.getByRole('heading', { name: 'There is no such order' }).waitFor()
    expect(await page.content()).not.toContain('GIZMO')
    expect(await page.locator('.order-actions').count()).toBe(0)
    await close()
  })
})
