import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Worker } from '../../src/tasks/worker.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed, startTestWorker } from '../support/harness.ts'

const CHROMIUM = '/usr/bin/chromium'
/** Has the page keep what it watches by. */
const KEEP_SOURCES = `
  globalThis.sources = []
  globalThis.EventSource = class extends EventSource {
    constructor(...args) {
      super(...args)
      sources.push(this)
    }
  }`
/** Of an EventSource that does not come back. */
const CLOSED = 2

// where CI says that it runs, a browser that is not there is a failure, and no reason to skip
describe.skipIf(!existsSync(CHROMIUM) && process.env.CI !== 'true')(
  'examples/watch.html in a browser',
  () => {
    let server: TestServer
    let worker: Worker
    let browser: Browser
    let page = ''
    const site = createServer(async (_request, response) =>
      response
        .setHeader('content-type', 'text/html')
        .end(await readFile(new URL('../../examples/watch.html', import.meta.url))),
    )
    beforeAll(async () => {
      await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
      const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
      server = await serveTestApp({ corsOrigins: [origin] })
      page = `${origin}/watch.html?api=${encodeURIComponent(`${server.url}/graphql`)}`
      await seed(server.app).item({ sku: 'WIDGET', available: 100 })
      await seed(server.app).item({ sku: 'SCARCE-FAIL', available: 0 })
      worker = await startTestWorker(server.testApp, { baseUrl: server.url })
      browser = await chromium.launch({
        executablePath: CHROMIUM,
        args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
      })
    })
    afterAll(async () => {
      await browser?.close()
      await worker?.stop()
      await server?.close()
      site.close()
    })

    it.each([
      ['WIDGET', 'RESERVED'],
      ['SCARCE-FAIL', 'FAILED'],
    ])('orders %s, shows its states to %s, and ends its stream', async (sku, last) => {
      const tab = await browser.newPage()
      await tab.addInitScript(KEEP_SOURCES)
      await tab.goto(page)
      await tab.fill('[name=sku]', sku)
      await tab.click('button')
      const states = () => tab.locator('li').allTextContents()
      await eventually(async () => (await states()).at(-1) === last)
      await eventually(() => server.app.feed.watcherCount === 0)
      // one that the page did not close would come back by itself
      const readyStates = () => tab.evaluate('sources.map(({ readyState }) => readyState)')
      await expect.poll(readyStates).toEqual([CLOSED])
      await tab.close()
    })

    it('shows why an order was refused', async () => {
      const tab = await browser.newPage()
      await tab.goto(page)
      await tab.fill('[name=sku]', 'NO-SUCH')
      await tab.click('button')
      await eventually(async () => (await tab.locator('li').allTextContents()).join().includes('NO-SUCH'))
      await tab.close()
    })
  },
)
