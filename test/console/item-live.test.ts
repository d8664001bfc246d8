import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { startBreakableProxy } from './support/breakable-proxy.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)("an item's page", () => {
  let server: TestServer
  let network: Awaited<ReturnType<typeof startBreakableProxy>>
  let browser: Browser
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    network = await startBreakableProxy(server.url)
    await seed(server.app).item({ sku: 'GIZMO', available: 10 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    network?.close()
    await server?.close()
  })

  /** The ids of the movements that the ledger shows, newest first. */
  const shownIn = async (page: Page) => {
    const texts = await page
      .getByRole('table', { name: 'Movements' })
      .getByText(/^#\d+$/)
      .allInnerTexts()
    return texts.map((text) => text.slice(1))
  }
  const ledger = async () => {
    const rows = await server.app.prisma.inventoryMovement.findMany({
      where: { sku: 'GIZMO' },
      orderBy: { id: 'desc' },
    })
    return rows.map(({ id }) => String(id))
  }

  it('shows a change as it happens; after a lost connection it goes on behind the last, without a gap', async () => {
    const { page, allowFailedCalls, close } = await openConsole(browser, network.url, '/console/stock/GIZMO')
    allowFailedCalls()
    const begun: (string | null)[] = []
    page.on('request', (request) => {
      const { query, variables } = (request.postDataJSON() ?? {}) as {
        query?: string
        variables?: { after: string | null }
      }
      if (query?.includes('inventoryChanged')) begun.push(variables!.after)
    })
    await page.getByText('Receipt #1').waitFor()
    await eventually(() => server.app.stockFeed.watcherCount === 1)
    await seed(server.app).stock({ qty: 3 })
    await page.getByRole('row', { name: /Adjustment #.*10 to 13/ }).waitFor()
    await page.getByRole('img', { name: /now 13$/ }).waitFor()
    await page.getByRole('row', { name: /^MAIN Main 13 0 13/ }).waitFor()
    expect(await shownIn(page)).toEqual(await ledger())

    network.break()
    await page.getByText('Connection lost, retrying').waitFor()
    for (const qty of [1, 2, 4]) await seed(server.app).stock({ qty })
    // what was there stays
    expect(await shownIn(page)).toHaveLength(2)
    network.mend()
    await page.getByText('Connection lost, retrying').waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /Adjustment #.*16 to 20/ }).waitFor()
    expect(await shownIn(page)).toEqual(await ledger())
    // the first began where nothing was known, the next behind what the first had told
    await expect.poll(() => begun).toEqual([null, expect.stringMatching(/./)])

    await eventually(() => server.app.stockFeed.watcherCount === 1)
    await seed(server.app).stock({ qty: 5 })
    await page.getByRole('row', { name: /Adjustment #.*20 to 25/ }).waitFor()
    expect(await shownIn(page)).toEqual(await ledger())
    await page.getByRole('img', { name: /now 25$/ }).waitFor()
    await close()
  })

  it('keeps up with hundreds of changes at once', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console/stock/GIZMO')
    await page.getByText('Receipt #1').waitFor()
    await eventually(() => server.app.stockFeed.watcherCount >= 1)
    let reads = 0
    page.on('request', (request) => {
      if (request.postData()?.includes('query Ledger')) reads++
    })
    await Promise.all(Array.from({ length: 300 }, () => seed(server.app).stock({ qty: 1 })))
    await expect.poll(async () => (await shownIn(page))[0], { timeout: 20_000 }).toBe((await ledger())[0])
    // at most twice a second, whatever happens
    expect(reads).toBeLessThan(100)
    // the chart reads older pages where somebody asks for them
    const total = (await ledger()).length
    await page.getByRole('img', { name: /by the newest 100 movements: now 325$/ }).waitFor()
    const further = page.getByRole('button', { name: 'Further back' })
    for (let shown = 200; shown < total; shown += 100) {
      await further.click()
      await page.getByRole('img', { name: `by the newest ${shown} movements: now 325` }).waitFor()
    }
    await further.click()
    await page.getByRole('img', { name: `by the newest ${total} movements: now 325` }).waitFor()
    await further.waitFor({ state: 'detached' })
    await close()
  })
})
