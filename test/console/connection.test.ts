import type { Browser, Request } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { startBreakableProxy } from './support/breakable-proxy.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

const REFUSED = {
  errors: [{ message: 'You have too many streams open', extensions: { code: 'TOO_MANY_STREAMS' } }],
}

const sentEvents = (result: object) =>
  `event: next\ndata: ${JSON.stringify(result)}\n\nevent: complete\ndata:\n\n`

const isStream = (request: Request) => request.headers().accept === 'text/event-stream'

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

  it('a stream alone that breaks off is taken up again, later each time, and nothing else is read for it', async () => {
    const { id } = await seed(server.app).order()
    // one that is pending is read every 5 s
    await reserveOrders(server.app, [id])
    const { page, visit, close } = await openConsole(browser, server.url, '/console/locations')
    const begunAtMs: number[] = []
    let reads = 0
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('query Order(')) reads++
      if (!isStream(route.request())) return route.continue()
      begunAtMs.push(performance.now())
      // as by a proxy that ends what is silent
      await route.fulfill({ contentType: 'text/event-stream', body: ':\n\n' })
    })
    await visit(`/console/orders/${id}`)
    await expect.poll(() => begunAtMs.length, { timeout: 30_000 }).toBe(5)
    // four delays that double from 0.5 s on, each at least half as long as that
    expect(begunAtMs[4]! - begunAtMs[0]!).toBeGreaterThan(0.5 * (500 + 1_000 + 2_000 + 4_000))
    expect(reads).toBe(1)
    expect(await page.getByText('Connection lost').isVisible()).toBe(false)
    await close()
  })

  it.each([
    ['status', { status: 429, contentType: 'application/json', body: JSON.stringify(REFUSED) }],
    ['result', { contentType: 'text/event-stream', body: sentEvents(REFUSED) }],
  ])(
    'a stream that is refused by its %s is no lost connection: the page says why, and does not ask again',
    async (_by, answer) => {
      const { id } = await seed(server.app).order()
      // one that is pending is read every 5 s
      await reserveOrders(server.app, [id])
      const { page, allowFailedCalls, close } = await openConsole(
        browser,
        server.url,
        `/console/orders/${id}`,
      )
      allowFailedCalls()
      await page.getByText('Order created').waitFor()
      let begun = 0
      let read = 0
      await page.route('**/graphql', async (route) => {
        const text = route.request().postData() ?? ''
        if (text.includes('query Order(')) read++
        if (!isStream(route.request())) return route.continue()
        begun++
        await route.fulfill(answer)
      })
      await page.reload()
      await page.getByText('Changes are not shown as they happen: You have too many streams open').waitFor()
      expect(await findViolations(page)).toEqual([])
      await page.waitForTimeout(2_500)
      expect(await page.getByText('Connection lost').isVisible()).toBe(false)
      expect([begun, read]).toEqual([1, 1])

      await page.unroute('**/graphql')
      await page.getByRole('button', { name: 'Try again' }).click()
      await eventually(() => server.app.feed.watcherCount === 1)
      await page.getByText('Changes are not shown').waitFor({ state: 'detached' })
      await close()
    },
  )

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
