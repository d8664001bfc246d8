import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { checkNextInvariant } from '../../src/use-cases/upkeep/check-invariants.ts'
import { failOrder } from '../support/fail-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

const AVAILABLE = 'available is the sum of the movements'
/** Two polls, on a machine that is busy with other tests. */
const SOON = { timeout: 15_000 }

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
    const pending = page.getByRole('link', { name: /^Pending/ })
    await expect.poll(() => pending.textContent()).toMatch(/^Pending0/)
    const { id } = await seed(server.app).order()
    await expect.poll(() => pending.textContent(), SOON).toMatch(/^Pending1100% of the newest 1/)
    await expect
      .poll(() => page.getByRole('link', { name: /^Orders a second/ }).textContent(), SOON)
      .toContain('0.017')
    await page.getByRole('img', { name: /^Orders a second.*now 0\.017$/ }).waitFor()
    expect(await page.locator('.sparkline canvas').count()).toBeGreaterThan(10)
    await page.getByRole('link', { name: /^Oldest open order/ }).click()
    expect(page.url()).toBe(`${server.url}/console/orders?status=PENDING`)
    await page.getByRole('link', { name: id }).waitFor()
    await page.goBack()
    // what was read before the page was left is still drawn
    await pending.waitFor()
    await close()
  })

  it('says what needs somebody: dead letters, low stock, silent workers, drift; each leads to where', async () => {
    const { app, testApp } = server
    const { id } = await seed(app).order()
    await failOrder(app, id)
    await setStockRules(app, LOCAL_OPERATOR, { sku: 'GIZMO', lowStockAt: 1_000n })
    await app.pool.query(
      `insert into workers (id, started_at, seen_at, circuit, jobs_held)
      values ('alive', now(), now() + interval '1 h', 'open', '{"reserve-inventory": 3}'), ('silent', now(), now() - interval '1 min', null, '{}')`,
    )
    testApp.allowBreaches('the check is there to find one', AVAILABLE)
    await app.pool.query('update stock_levels set available = available + 3')
    while (await checkNextInvariant(app, 3_600_000)) {
      // one after the other, until none is due
    }
    const { page, close } = await openConsole(browser, server.url, '/console/overview')
    // beside the links of the navigation
    const tile = (name: string) => page.getByRole('main').getByRole('link', { name: new RegExp(`^${name}`) })
    await tile('Workers').waitFor()
    const told = async (name: string) => [
      await tile(name).textContent(),
      await tile(name).getAttribute('href'),
    ]
    expect(await told('Dead letters')).toEqual(['Dead letters1to be retried', '/console/dead-letters'])
    expect(await told('Low stock')).toEqual([
      'Low stock1items at or below their threshold',
      '/console/stock?state=low',
    ])
    expect(await told('Supplier')).toEqual([
      'Supplierdoes not answercircuit open',
      '/console/orders?status=AWAITING_RESTOCK',
    ])
    expect(await told('Workers')).toEqual(['Workers1alive', '#workers'])
    expect(await told('Drift')).toEqual(['Drift1breaches at the last checks', '#drift'])
    await page.getByRole('row', { name: /alive.*3 × reserve-inventory.*does not answer/ }).waitFor()
    await page.getByRole('row', { name: /silent.*Silent.*1 min ago.*nothing/ }).waitFor()
    await page.getByRole('row', { name: new RegExp(`${AVAILABLE}.*1 breach`) }).waitFor()
    await page.getByText(/were checked/).click()
    await page.getByRole('row', { name: /reserved is the sum of the movements.*Holds/ }).waitFor()
    await app.pool.query('delete from workers')
    await page.getByRole('heading', { name: 'No worker runs' }).waitFor()
    await close()
  })
})
