import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { startBreakableProxy } from './support/breakable-proxy.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('a lost connection', () => {
  let server: TestServer
  let network: Awaited<ReturnType<typeof startBreakableProxy>>
  let browser: Browser
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    network = await startBreakableProxy(server.url)
    await seed(server.app).item({ sku: 'GIZMO', available: 100 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    network?.close()
    await server?.close()
  })

  it('is shown, and what was missed is there when it is back; the stream goes on behind what was seen', async () => {
    const { id } = await seed(server.app).order()
    const { page, allowFailedCalls, close } = await openConsole(browser, network.url, `/console/orders/${id}`)
    allowFailedCalls()
    const begun: number[] = []
    page.on('request', (request) => {
      const { query, variables } = (request.postDataJSON() ?? {}) as {
        query?: string
        variables?: { afterVersion: number }
      }
      if (query?.includes('orderStatusChanged')) begun.push(variables!.afterVersion)
    })
    await page.getByText('Order created').waitFor()
    await eventually(() => server.app.feed.watcherCount === 1)
    await reserveOrders(server.app, [id])
    await page.getByText('Order reserved').waitFor()

    network.break()
    await page.getByText('Connection lost, retrying').waitFor()
    // what was there stays
    expect(await page.getByText('Order reserved').isVisible()).toBe(true)
    const lines = [{ sku: 'GIZMO', qty: 1 }]
    await cancelOrder(server.app, LOCAL_OPERATOR, { id, lines, note: 'while nobody looked' })
    network.mend()
    await page.getByText('Connection lost, retrying').waitFor({ state: 'detached' })
    await page.getByText('while nobody looked').waitFor()
    await expect.poll(() => begun.at(-1)).toBe(2)
    await close()
  })

  it.each([
    ['/console/orders', 'Orders'],
    ['/console/locations', 'Locations'],
  ])('is shown at %s as well, which follows nothing', async (path, name) => {
    const { page, allowFailedCalls, close } = await openConsole(browser, network.url, path)
    allowFailedCalls()
    await page.getByRole('heading', { name }).waitFor()
    network.break()
    await page.getByText('Connection lost, retrying').waitFor()
    network.mend()
    await page.getByText('Connection lost, retrying').waitFor({ state: 'detached' })
    await close()
  })
})
