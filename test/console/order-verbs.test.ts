import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { OrderStatus } from '../../src/domain/orders/order-status.ts'
import { cancelOrder } from '../../src/use-cases/orders/verbs/cancel-order.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { failOrder } from '../support/fail-order.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('an order of the console', () => {
  let server: RolesServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    const { app } = server.testApp
    await seed(app).location('NORTH', { priority: 1 })
    await seed(app).item({ sku: 'GIZMO', available: 1_000 })
    await seed(app).item({ sku: 'WIDGET', available: 1_000, location: 'NORTH' })
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

  /** An order that is reserved: two SKUs at two locations, unless others are named. */
  async function reserved(options: Parameters<ReturnType<typeof seed>['order']>[0] = {}) {
    const { app } = server.testApp
    const lines: [string, number][] = [
      ['GIZMO', 5],
      ['WIDGET', 2],
    ]
    const { id } = await seed(app).order({ lines, customerId: 'alice', ...options })
    await reserveOrders(app, [id])
    return id
  }

  async function read(id: string) {
    const { data } = await execute(
      server.as('operator'),
      `query ($id: ID!) { order(id: $id) {
        status version expiresAt lines { sku reserved waiting shipped cancelled returned }
        shipments { reference undoneAt location { code } lines { sku qty } } events { type note actor }
      } }`,
      { id },
    )
    return data.order
  }

  const buttons = (page: Page) => page.locator('.order-actions').getByRole('button').allTextContents()
  const actions = (page: Page) => page.locator('.order-actions')
  const dialogOf = (page: Page) => page.getByRole('dialog').first()
  const hasFocus = (locator: Locator) => locator.evaluate((element) => element === document.activeElement)
  const announced = (page: Page, text: string) =>
    page.getByRole('status').getByText(text, { exact: true }).waitFor()

  it('is shipped in part from where it is held, undone, and shipped anew, by clicking', async () => {
    const id = await reserved()
    const { page, close } = await open('operator', id)
    await actions(page).getByRole('button', { name: 'Ship' }).click()
    expect(await findViolations(page)).toEqual([])
    await dialogOf(page).getByLabel('GIZMO from MAIN').fill('3')
    await dialogOf(page).getByLabel('WIDGET from NORTH').fill('0')
    await dialogOf(page).getByLabel('Tracking').fill('DHL 123')
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await announced(page, 'Shipped')
    expect(await read(id)).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      shipments: [{ reference: 'DHL 123', location: { code: 'MAIN' }, lines: [{ sku: 'GIZMO', qty: 3 }] }],
    })
    const shipment = page.getByRole('row', { name: /3 × GIZMO/ })
    await shipment.getByText('DHL 123').waitFor()

    await shipment.getByRole('button', { name: 'Undo the shipment from MAIN' }).click()
    await dialogOf(page).getByText('promised to this order again').waitFor()
    await dialogOf(page).getByLabel('Note').fill('left in the van')
    await dialogOf(page).getByRole('button', { name: 'Undo it' }).click()
    await shipment.getByText('Undone').waitFor()
    await page.getByText('left in the van').waitFor()

    await actions(page).getByRole('button', { name: 'Ship' }).click()
    await dialogOf(page).getByText('2 shipments: one a location').waitFor()
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await page.getByRole('row', { name: /5 × GIZMO/ }).waitFor()
    expect((await read(id)).status).toBe('SHIPPED' satisfies OrderStatus)
    await close()
  })

  it('has goods taken back, into stock or not, after a question', async () => {
    const id = await reserved()
    await shipOrder(server.testApp.app, LOCAL_OPERATOR, { id })
    const { page, close } = await open('service', id)
    await actions(page).getByRole('button', { name: 'Take back' }).click()
    await dialogOf(page).getByRole('button', { name: 'Take back…' }).click()
    await dialogOf(page).getByText('Say how many came back.').waitFor()
    await dialogOf(page).getByLabel('GIZMO').fill('2')
    await dialogOf(page).getByLabel('What becomes of them').selectOption('Thrown away')
    await dialogOf(page).getByText('They never come into stock again').waitFor()
    await dialogOf(page).getByRole('button', { name: 'Take back…' }).click()
    const question = page.getByRole('dialog', { name: 'Take 2 × GIZMO back?' })
    await question.getByText('cannot be undone').waitFor()
    await question.getByRole('button', { name: 'Leave it' }).click()
    expect((await read(id)).lines[0].returned).toBe(0)
    await dialogOf(page).getByRole('button', { name: 'Take back…' }).click()
    await question.getByRole('button', { name: 'Take them back' }).click()
    await page.getByText('Order returned').waitFor()
    expect((await read(id)).lines[0]).toMatchObject({ shipped: 5, returned: 2 })
    // nothing moved in stock, and what came back cannot be undone as a shipment
    expect(await page.getByText('Returned GIZMO').count()).toBe(0)
    await page.getByRole('row', { name: /5 × GIZMO.*came back/ }).waitFor()

    await actions(page).getByRole('button', { name: 'Take back' }).click()
    await dialogOf(page).getByLabel('WIDGET').fill('1')
    await dialogOf(page).getByLabel('Where they come to').selectOption('MAIN')
    await dialogOf(page).getByRole('button', { name: 'Take back…' }).click()
    await page.getByRole('button', { name: 'Take them back' }).click()
    await page.getByText('WIDGET at MAIN: available +1').waitFor()
    await close()
  })

  it('is cancelled in part, then whole, by the keyboard alone; the focus comes back', async () => {
    const id = await reserved()
    const { page, close } = await open('operator', id)
    await page.getByText('Order reserved').waitFor()
    const cancel = actions(page).getByRole('button', { name: 'Cancel' })
    await cancel.focus()
    await page.keyboard.press('Enter')
    const what = dialogOf(page).getByLabel('What')
    await expect.poll(() => hasFocus(what)).toBe(true)
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await expect.poll(() => hasFocus(cancel)).toBe(true)

    await page.keyboard.press('Enter')
    await expect.poll(() => hasFocus(what)).toBe(true)
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('Tab')
    await page.keyboard.type('4')
    await page.keyboard.press('Enter')
    const question = page.getByRole('dialog', { name: 'Cancel 4 × GIZMO?' })
    await question.waitFor()
    // the one that leaves everything as it is comes first
    await expect.poll(() => hasFocus(question.getByRole('button', { name: 'Leave it' }))).toBe(true)
    await page.keyboard.press('Tab')
    // what came of it is read late: what is called next still begins with it
    await page.route('**/graphql', async (route) => {
      if (route.request().postData()?.includes('query Order(')) await sleep(500)
      await route.continue()
    })
    await page.keyboard.press('Enter')
    await announced(page, '4 × GIZMO: cancelled')
    expect(await read(id)).toMatchObject({ status: 'RESERVED', lines: [{ cancelled: 4 }, { cancelled: 0 }] })

    await cancel.click()
    await dialogOf(page).getByRole('button', { name: 'Cancel…' }).click()
    await page.getByRole('button', { name: 'Cancel the goods' }).click()
    await announced(page, '1 × GIZMO, 2 × WIDGET: cancelled')
    await page.getByText('Released WIDGET at NORTH: available +2, reserved -2').first().waitFor()
    expect(await buttons(page)).toEqual([])
    expect((await read(id)).status).toBe('CANCELLED')
    await page.unrouteAll({ behavior: 'wait' })
    await close()
  })

  it('that is a hold is extended and confirmed by its own customer, who gets no other button', async () => {
    const id = await reserved({ holdSeconds: 600 })
    const { page, close } = await open('customer', id)
    await page.getByText('Order reserved').waitFor()
    expect(await buttons(page)).toEqual(['Confirm', 'Extend', 'Cancel'])
    await actions(page).getByRole('button', { name: 'Extend' }).click()
    await dialogOf(page).getByLabel('From now').fill('99')
    await dialogOf(page).getByLabel('Unit').selectOption('days')
    await dialogOf(page).getByRole('button', { name: 'Extend' }).click()
    await dialogOf(page).getByText('holdSeconds must be').waitFor()
    await dialogOf(page).getByLabel('From now').fill('2')
    await dialogOf(page).getByLabel('Unit').selectOption('hours')
    await dialogOf(page).getByRole('button', { name: 'Extend' }).click()
    await page.getByText('Hold extended').waitFor()
    const { expiresAt } = await read(id)
    expect(Math.abs(Date.parse(expiresAt) - Date.now() - 7_200_000)).toBeLessThan(60_000)
    await actions(page).getByRole('button', { name: 'Confirm' }).click()
    await dialogOf(page).getByRole('button', { name: 'Confirm…' }).click()
    const question = page.getByRole('dialog', { name: 'Make the order firm?' })
    await question.getByText('cannot be undone').waitFor()
    await question.getByRole('button', { name: 'Leave it' }).click()
    expect((await read(id)).expiresAt).not.toBeNull()
    await dialogOf(page).getByRole('button', { name: 'Confirm…' }).click()
    await question.getByRole('button', { name: 'Make it firm' }).click()
    await page.getByText('Order confirmed').waitFor()
    await expect.poll(() => buttons(page)).toEqual(['Cancel'])
    expect((await read(id)).expiresAt).toBeNull()
    // nor what staff sees
    for (const heading of ['Jobs', 'Dead letters', 'Asked of the supplier']) {
      expect(await page.getByRole('heading', { name: heading }).count()).toBe(0)
    }
    await close()
  })

  it('that is a hold says to staff why it cannot be shipped yet', async () => {
    const { page, close } = await open('service', await reserved({ holdSeconds: 600 }))
    await page.getByText('It is a hold: it can be shipped once it is confirmed.').waitFor()
    expect(await buttons(page)).toEqual(['Confirm', 'Extend', 'Cancel'])
    await close()
  })

  it('that somebody else has changed is not changed by who saw the version before, and is shown anew', async () => {
    const id = await reserved()
    const { page, close } = await open('operator', id)
    await actions(page).getByRole('button', { name: 'Ship' }).click()
    const lines = [{ sku: 'GIZMO', qty: 1 }]
    await cancelOrder(server.testApp.app, LOCAL_OPERATOR, { id, lines })
    // the page behind follows, the dialog stays what it was
    await page.getByText('Order cancelled').waitFor()
    expect(await dialogOf(page).getByLabel('GIZMO from MAIN').inputValue()).toBe('5')
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await dialogOf(page).getByText('The order has changed since you opened this').waitFor()
    await dialogOf(page).getByText('The order is at version 3, not 2').waitFor()
    expect(await findViolations(page)).toEqual([])
    expect((await read(id)).shipments).toEqual([])
    await dialogOf(page).getByRole('button', { name: 'Look at the order' }).click()
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await actions(page).getByRole('button', { name: 'Ship' }).click()
    expect(await dialogOf(page).getByLabel('GIZMO from MAIN').inputValue()).toBe('4')
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await announced(page, 'Shipped')
    await close()
  })

  it('is changed once however often its answer is lost: each try has the key of the dialog', async () => {
    const id = await reserved()
    const { page, allowFailedCalls, close } = await open('operator', id)
    allowFailedCalls()
    await actions(page).getByRole('button', { name: 'Ship' }).click()
    const keys: string[] = []
    let isLost = true
    await page.route('**/graphql', async (route) => {
      const { query, variables } = route.request().postDataJSON() ?? {}
      if (!query?.includes('mutation ShipOrder')) return route.continue()
      keys.push(variables.input.idempotencyKey)
      await route.fetch().then((response) => (isLost ? route.abort() : route.fulfill({ response })))
    })
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await dialogOf(page).getByText('No answer came: it may be done or not').waitFor()
    isLost = false
    await dialogOf(page).getByRole('button', { name: 'Ship' }).click()
    await announced(page, 'Shipped')
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
    expect((await read(id)).shipments).toHaveLength(2)
    await page.unrouteAll({ behavior: 'wait' })
    await close()
  })

  it('that failed is retried from its dead letter, and followed again', async () => {
    const { app } = server.testApp
    const { id } = await seed(app).order({ customerId: 'alice' })
    await failOrder(app, id)
    const { page, close } = await open('operator', id)
    await page.getByRole('row', { name: /reserve-inventory.*no disk/ }).waitFor()
    await page.getByRole('button', { name: 'Retry' }).click()
    await dialogOf(page).getByText('Mend the cause first').waitFor()
    await dialogOf(page).getByRole('button', { name: 'Retry' }).click()
    await announced(page, 'The order is tried again')
    await page.getByText('Order reopened').waitFor()
    // its new job, with the trace that it goes back to
    await page.getByRole('table', { name: 'Jobs' }).getByText('reserve-inventory').last().waitFor()
    await page.getByText(id.replaceAll('-', ''), { exact: true }).waitFor()
    await reserveOrders(app, [id])
    await page.getByText('Order reserved').waitFor()
    await close()
  })
})
