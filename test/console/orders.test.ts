import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the orders of the console', () => {
  let server: RolesServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    await seed(server.testApp.app).item({ sku: 'GIZMO', available: 1_000 })
    await seed(server.testApp.app).item({ sku: 'WIDGET', available: 1_000 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const open = (who: string, path: string, options = {}) =>
    openConsole(browser, server.url, path, { authorization: server.authorizations[who], ...options })

  it('show one that the API takes, and its state as it changes', async () => {
    const { page, close } = await open('service', '/console')
    await page.getByRole('heading', { name: 'Orders', exact: true }).waitFor()
    expect(page.url()).toBe(`${server.url}/console/orders`)
    const { data } = await execute(
      server.as('service'),
      'mutation { createOrder(input: { sku: "GIZMO", qty: 7, customerId: "carol", reference: "S-1" }) { order { id } } }',
    )
    const { id } = data.createOrder.order
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: id }) })
    await row.getByText('Pending').waitFor()
    expect(await row.textContent()).toMatch(/GIZMO.*7.*carol.*S-1/s)
    await reserveOrders(server.testApp.app, [id])
    await row.getByText('Reserved').waitFor()
    await close()
  })

  it('are filtered by state, SKU, customer and reference; the address keeps it, and back undoes it', async () => {
    const { app } = server.testApp
    const wanted = await seed(app).order({ sku: 'WIDGET', customerId: 'dave' })
    const other = await seed(app).order({ sku: 'GIZMO', customerId: 'dave' })
    const { page, close } = await open('operator', '/console/orders')
    const linkTo = (id: string) => page.getByRole('link', { name: `Order ${id}` })
    await linkTo(other.id).waitFor()
    await page.getByLabel('SKU').fill('WIDGET')
    await page.getByLabel('Customer').fill('dave')
    await page.getByLabel('State').selectOption('Pending')
    await page.getByLabel('Customer').press('Enter')
    await linkTo(other.id).waitFor({ state: 'detached' })
    await linkTo(wanted.id).waitFor()
    expect(page.url()).toBe(`${server.url}/console/orders?status=PENDING&sku=WIDGET&customer=dave`)
    await page.getByLabel('Reference').fill('no such')
    await page.getByRole('button', { name: 'Filter' }).click()
    await page.getByRole('heading', { name: 'No order fits' }).waitFor()
    await page.goBack()
    await linkTo(wanted.id).waitFor()
    await page.reload()
    await linkTo(wanted.id).waitFor()
    expect(await page.getByLabel('SKU').inputValue()).toBe('WIDGET')
    await close()
  })

  it('lead to one by its link, or by its id pasted whole', async () => {
    const { id } = await seed(server.testApp.app).order({ sku: 'GIZMO' })
    const { page, close } = await open('operator', '/console/orders')
    await page.getByRole('link', { name: id }).click()
    const heading = page.getByRole('heading', { name: `Order ${id}` })
    await heading.waitFor()
    expect(await heading.evaluate((element) => element === document.activeElement)).toBe(true)
    await expect.poll(() => page.title()).toBe(`Order ${id} · Holdfast`)
    await page.goBack()
    await page.getByLabel('Order id').fill('0189')
    await page.getByRole('button', { name: 'Open' }).click()
    await page.getByText('Paste the whole id').waitFor()
    await page.getByLabel('Order id').fill(` ${id.toUpperCase()} `)
    await page.getByRole('button', { name: 'Open' }).click()
    await heading.waitFor()
    await close()
  })

  it('are paged by links', async () => {
    const { app } = server.testApp
    const first = await seed(app).order({ customerId: 'erin' })
    const lines = [{ sku: 'GIZMO', qty: 1 }]
    const input = {
      lines,
      customerId: 'erin',
      locations: null,
      ifShort: null,
      holdSeconds: null,
      idempotencyKey: null,
    }
    await Promise.all(Array.from({ length: 50 }, () => createOrder(app, LOCAL_OPERATOR, input)))
    const { page, close } = await open('operator', '/console/orders?customer=erin')
    await page.getByRole('link', { name: 'Older orders' }).click()
    await page.getByRole('link', { name: first.id }).waitFor()
    expect(await page.getByRole('link', { name: /^Order / }).count()).toBe(1)
    await page.getByRole('link', { name: 'Newest orders' }).click()
    await expect.poll(() => page.getByRole('link', { name: /^Order / }).count()).toBe(50)
    await close()
  })

  it("never show another's to a customer, nor a page of operators'", async () => {
    const { app } = server.testApp
    const own = await seed(app).order({ customerId: 'alice' })
    const others = await seed(app).order({ customerId: 'bob' })
    const { page, visit, close } = await open('customer', '/console/orders')
    let seen = ''
    page.on('response', async (response) => {
      if (response.url().endsWith('/graphql')) seen += await response.text().catch(() => '')
    })
    await page.getByRole('link', { name: own.id }).waitFor()
    expect(await page.getByRole('navigation', { name: 'Pages' }).getByRole('link').allInnerTexts()).toEqual([
      'Orders',
    ])
    expect(await page.getByLabel('Customer').count()).toBe(0)
    for (const path of [
      `/console/orders?customer=bob`,
      `/console/orders/${others.id}`,
      '/console/locations',
    ]) {
      await visit(path)
      await page.getByRole('heading', { name: /^(No order fits|There is no such)/ }).waitFor()
      expect(await page.content()).not.toContain('bob')
    }
    expect(seen).toContain(own.id)
    expect(seen).not.toContain(others.id)
    await close()
  })
})
