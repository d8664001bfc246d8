import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { failOrder } from '../support/fail-order.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the dead letters of the console', () => {
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

  const failed = async () => {
    const { id } = await seed(server.app).order()
    await failOrder(server.app, id)
    return id
  }
  const statusOf = async (id: string) =>
    (await server.app.prisma.order.findUniqueOrThrow({ where: { id } })).status

  it('are retried one by one, each with its order a link away', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console/dead-letters')
    await page.getByRole('heading', { name: 'There are no dead letters' }).waitFor()
    // as they come
    const first = await failed()
    const second = await failed()
    const row = (id: string) =>
      page.getByRole('row').filter({ has: page.getByRole('link', { name: `Order ${id}` }) })
    await row(second).waitFor()
    expect(await row(first).textContent()).toMatch(/reserve-inventory.*8.*no disk.*Trace/s)
    await page.getByRole('button', { name: `Retry order ${first}` }).click()
    const dialog = page.getByRole('dialog', { name: 'Retry the dead letter' })
    await dialog.getByText('Mend the cause first').waitFor()
    await dialog.getByRole('button', { name: 'Leave it' }).click()
    expect(await statusOf(first)).toBe('FAILED')
    await page.getByRole('button', { name: `Retry order ${first}` }).click()
    await dialog.getByRole('button', { name: 'Retry' }).click()
    await page.getByText('The order is tried again').waitFor()
    await row(first).waitFor({ state: 'detached' })
    expect([await statusOf(first), await statusOf(second)]).toEqual(['PENDING', 'FAILED'])
    await page.getByRole('link', { name: `Order ${second}` }).click()
    await page.getByText('Order failed').waitFor()
    // and back to its row among all
    const { id } = await server.app.prisma.deadLetter.findFirstOrThrow({ where: { orderId: second } })
    await page.locator(`a[href="/console/dead-letters#${id}"]`).click()
    await page
      .locator(`tr[id="${id}"]`)
      .getByRole('link', { name: `Order ${second}` })
      .waitFor()
    await close()
  })

  it('are all retried once that is confirmed, those of other pages too', async () => {
    const ids: string[] = []
    for (let index = 0; index < 30; index++) ids.push(await failed())
    const { page, close } = await openConsole(browser, server.url, '/console/dead-letters')
    await page.getByRole('link', { name: 'Older dead letters' }).click()
    await page.getByRole('link', { name: `Order ${ids[0]}` }).waitFor()
    await page.getByRole('link', { name: 'Newest dead letters' }).click()
    await page.getByRole('button', { name: 'Retry all' }).click()
    const question = page.getByRole('dialog', { name: 'Retry all dead letters?' })
    // one is left of the test before
    await question.getByText('31 orders are pending again').waitFor()
    expect(await findViolations(page)).toEqual([])
    await question.getByRole('button', { name: 'Leave it' }).click()
    expect(await statusOf(ids[0]!)).toBe('FAILED')
    await page.getByRole('button', { name: 'Retry all' }).click()
    await question.getByRole('button', { name: 'Retry all' }).click()
    await page.getByText('Retried 31').waitFor()
    await page.getByRole('heading', { name: 'There are no dead letters' }).waitFor()
    expect(new Set(await Promise.all(ids.map(statusOf)))).toEqual(new Set(['PENDING']))
    await close()
  })
})
