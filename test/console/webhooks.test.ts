import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { EVENT_NAMES } from '../../src/domain/webhooks/event-names.ts'
import type { Worker } from '../../src/tasks/worker.ts'
import { deleteWebhook } from '../../src/use-cases/webhooks/verbs/delete-webhook.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed, startTestWorker } from '../support/harness.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { type Receiver, startReceiver } from '../support/webhook-receiver.ts'
import { listenAt, untilDelivery } from '../support/webhooks.ts'
import { findViolations, hasNoBrowser, isInView, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the webhooks of the console', () => {
  let server: TestServer
  let worker: Worker
  let browser: Browser
  let receiver: Receiver
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    worker = await startTestWorker(server.testApp)
    await seed(server.app).item({ sku: 'GIZMO', available: 100 })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await worker?.stop()
    await server?.close()
  })
  beforeEach(async () => {
    receiver = await startReceiver()
  })
  afterEach(async () => {
    for (const { id } of await server.app.prisma.webhook.findMany()) {
      await deleteWebhook(server.app, LOCAL_OPERATOR, id)
    }
    await receiver.close()
  })

  const read = (id: string) => server.app.prisma.webhook.findUnique({ where: { id } })
  const refuse = () =>
    receiver.follow((_, response) => void response.writeHead(500).end('<b>no disk</b> of ours'))
  const open = (path = '', options = {}) =>
    openConsole(browser, server.url, `/console/webhooks${path}`, options)
  const row = (page: Page, text: string | RegExp) =>
    page.getByRole('table').getByRole('row').filter({ hasText: text })

  it('are created, with a secret that is shown once; a test arrives, and shows what was answered', async () => {
    receiver.follow((_, response) => void response.writeHead(202).end('thanks'))
    const { page, close } = await open()
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await page.getByRole('heading', { name: 'There are no webhooks yet' }).waitFor()
    await page.getByRole('button', { name: 'New webhook' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('URL').fill('http://169.254.169.254/latest')
    await dialog.getByRole('button', { name: 'Create' }).click()
    await expect.poll(() => dialog.getByLabel('URL').getAttribute('aria-invalid')).toBe('true')
    await dialog.getByLabel('URL').fill(receiver.url)
    await dialog.getByLabel('All events').uncheck()
    await dialog.getByRole('button', { name: 'Create' }).click()
    await dialog.getByText('Choose at least one.').waitFor()
    // every event that there is, and no other
    const labels = await dialog.locator('.event-names label').allTextContents()
    expect(labels.toSorted()).toEqual(EVENT_NAMES.toSorted())
    expect(await findViolations(page)).toEqual([])
    await dialog.getByLabel('All order.*').check()
    await dialog.getByLabel('stock.low').check()
    await dialog.getByRole('button', { name: 'Create' }).click()

    const shown = page.getByRole('dialog', { name: 'The new secret' })
    await shown.getByText('It is shown now and never again.').waitFor()
    const secret = await shown.getByLabel('Secret').inputValue()
    expect(secret).toMatch(/^whsec_[\w+/]{43}=$/)
    expect(await findViolations(page)).toEqual([])
    await shown.getByRole('button', { name: 'Copy' }).click()
    await shown.getByText('Copied.').waitFor()
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(secret)
    await shown.getByRole('button', { name: 'I have it' }).click()

    await page.getByRole('heading', { name: receiver.url }).waitFor()
    await page.getByRole('heading', { name: 'Nothing was sent yet' }).waitFor()
    expect(await page.content()).not.toContain(secret)
    await page.getByRole('button', { name: 'Test' }).click()
    const delivery = row(page, 'webhook.test')
    await delivery.getByText('Delivered', { exact: true }).waitFor()
    expect(await delivery.textContent()).toMatch(/202.*ms/)
    await delivery.getByText('Body').click()
    await delivery.getByText('thanks').waitFor()
    expect(receiver.typesOf()).toEqual(['webhook.test'])
    expect(await server.app.prisma.webhook.findFirst()).toMatchObject({ events: ['order.*', 'stock.low'] })
    await close()
  })

  it('lead from a delivery to the order, or to the ledger, that its event is about', async () => {
    receiver.follow(() => 204)
    const { id } = await listenAt(server.app, receiver.url, ['order.created', 'inventory.changed'])
    const order = await seed(server.app).order()
    await seed(server.app).stock()
    const { page, close } = await open(`/${id}`)
    await page.getByRole('link', { name: 'order.created' }).click()
    await page.getByRole('heading', { name: `Order ${order.id}` }).waitFor()
    expect(new URL(page.url()).hash).toBe('#version-1')
    await page.locator('#version-1').getByText('Order created').waitFor()
    await page.goBack()
    await page.getByRole('link', { name: 'inventory.changed' }).first().click()
    await page.getByRole('heading', { name: 'GIZMO' }).waitFor()
    const movement = page.locator(`[id="${new URL(page.url()).hash.slice(1)}"]`)
    await movement.getByText(/^(Adjustment|Reservation) #/).waitFor()
    await expect.poll(() => movement.evaluate(isInView)).toBe(true)
    await close()
  })

  it('show what a receiver that fails answered; a delivery is sent again by a click', async () => {
    refuse()
    const { id } = await listenAt(server.app, receiver.url, ['inventory.changed'])
    await seed(server.app).stock()
    const { eventId } = await untilDelivery(server.app, id, ({ attempts }) => attempts === 1)
    const { page, close } = await open()
    const listed = row(page, receiver.url)
    await listed.getByText('Failing', { exact: true }).waitFor()
    const heads = await page.getByRole('columnheader').allTextContents()
    expect(await listed.getByRole('cell').nth(heads.indexOf('Pending')).textContent()).toBe('1')
    await page.getByRole('link', { name: receiver.url }).click()
    const fact = page.locator('.webhook-facts > div').filter({ hasText: 'Pending deliveries' })
    await fact.getByText('1', { exact: true }).waitFor()
    const delivery = row(page, 'inventory.changed')
    await delivery.getByText('To be tried again').waitFor()
    await delivery.getByText('Body').click()
    await delivery.getByText('<b>no disk</b> of ours').waitFor()
    expect(await delivery.locator('strong').textContent()).toBe('500')
    receiver.follow(() => 204)
    await page.getByRole('button', { name: `Redeliver ${eventId}` }).click()
    await page.getByText('Sent again: 1').waitFor()
    await delivery.getByText('Delivered', { exact: true }).waitFor()
    await page.getByText('It does not fail').waitFor()
    expect(new Set(receiver.received.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([eventId]))
    await close()
  })

  it('send what is selected again, and what was given up since a time', async () => {
    receiver.follow(() => 410)
    const { id } = await listenAt(server.app, receiver.url, ['inventory.changed'])
    await seed(server.app).stock()
    await untilDelivery(server.app, id, ({ status }) => status === 'GIVEN_UP')
    const { page, close } = await open(`/${id}?status=GIVEN_UP`)
    await page.getByText('The receiver answered 410 Gone').waitFor()
    await row(page, 'inventory.changed').getByText('Given up').waitFor()
    receiver.follow(() => 204)
    await page.getByRole('button', { name: 'Resume' }).click()
    await page.getByText('It is active, and is told what happened meanwhile').waitFor()
    await page.getByRole('button', { name: 'Redeliver what was given up' }).click()
    const dialog = page.getByRole('dialog')
    expect(await findViolations(page)).toEqual([])
    // of a time that has not come yet there is none
    await dialog.getByLabel('Given up since').fill('2999-01-01T00:00')
    await dialog.getByRole('button', { name: 'Redeliver' }).click()
    await page.getByText('There was nothing to send').waitFor()
    await page.getByRole('button', { name: 'Redeliver what was given up' }).click()
    await dialog.getByRole('button', { name: 'Redeliver' }).click()
    await page.getByText('Sent again: 1').waitFor()
    await page.getByRole('heading', { name: 'No delivery is so' }).waitFor()

    await page.getByLabel('State').selectOption('Delivered')
    const deliveries = row(page, 'inventory.changed')
    await deliveries.waitFor()
    await seed(server.app).stock()
    // as it comes
    await deliveries.nth(1).waitFor()
    const before = receiver.received.length
    await page.getByRole('button', { name: 'Redeliver 0 selected' }).click()
    await page.getByText('Select deliveries first').waitFor()
    await page.getByRole('button', { name: 'Select all shown' }).click()
    await deliveries.last().getByRole('checkbox').uncheck()
    await page.getByRole('button', { name: 'Redeliver 1 selected' }).click()
    await eventually(() => receiver.received.length === before + 1)
    await close()
  })

  it('page through their deliveries, by links', async () => {
    const { id } = await listenAt(server.app, receiver.url, ['inventory.changed'])
    for (let index = 0; index < 27; index++) await seed(server.app).stock()
    await eventually(() => receiver.received.length === 27)
    const { page, close } = await open(`/${id}`)
    const deliveries = row(page, 'inventory.changed')
    await deliveries.nth(24).waitFor()
    await page.getByRole('link', { name: 'Older deliveries' }).click()
    await deliveries.nth(24).waitFor({ state: 'detached' })
    await deliveries.nth(1).waitFor()
    expect(await deliveries.count()).toBe(2)
    await page.getByRole('link', { name: 'Newest deliveries' }).click()
    await deliveries.nth(24).waitFor()
    await close()
  })

  it('are changed, paused and resumed, get another secret, and are deleted once that is confirmed', async () => {
    const { id, secret } = await listenAt(server.app, receiver.url, ['inventory.changed'])
    const { page, close } = await open(`/${id}`)
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByText('It is paused').waitFor()
    await page.getByText('It is sent nothing but tests.').waitFor()
    await seed(server.app).stock()
    expect(await read(id)).toMatchObject({ status: 'PAUSED' })
    await page.getByRole('button', { name: 'Resume' }).click()
    // what it missed
    await row(page, 'inventory.changed').getByText('Delivered', { exact: true }).waitFor()

    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Change' }).click()
    await dialog.getByLabel('URL').fill(`${receiver.url}/new`)
    await dialog.getByLabel('All stock.*').check()
    await dialog.getByRole('button', { name: 'Save' }).click()
    await page.getByRole('heading', { name: `${receiver.url}/new` }).waitFor()
    expect(await read(id)).toMatchObject({
      url: `${receiver.url}/new`,
      events: ['inventory.changed', 'stock.*'],
    })

    await page.getByRole('button', { name: 'Rotate secret' }).click()
    await page.getByRole('dialog', { name: 'Rotate the secret?' }).getByText('For 24 h').waitFor()
    await dialog.getByRole('button', { name: 'Rotate' }).click()
    const rotated = await dialog.getByLabel('Secret').inputValue()
    expect(rotated).toMatch(/^whsec_/)
    expect(rotated).not.toBe(secret)
    await page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'detached' })
    await page.getByRole('button', { name: 'Test' }).click()
    await row(page, 'webhook.test').getByText('Delivered', { exact: true }).waitFor()
    // both secrets sign
    expect(receiver.received.at(-1)!.headers['webhook-signature']!.split(' ')).toHaveLength(2)

    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog.getByRole('button', { name: 'Leave it' }).click()
    expect(await read(id)).not.toBeNull()
    await page.getByRole('button', { name: 'Delete' }).click()
    await dialog.getByRole('button', { name: 'Delete' }).click()
    await page.getByRole('heading', { name: 'There are no webhooks yet' }).waitFor()
    expect(await read(id)).toBeNull()
    await close()
  })

  it('that do not exist say so', async () => {
    const { page, close } = await open('/nonsense')
    await page.getByRole('heading', { name: 'There is no such webhook' }).waitFor()
    await close()
  })
})

describe.skipIf(hasNoBrowser)('with authentication', () => {
  let server: RolesServer
  let browser: Browser
  let id: string
  beforeAll(async () => {
    server = await serveRoles({ servesConsole: true })
    id = (await listenAt(server.testApp.app, 'http://127.0.0.1:9/hooks', ['*'])).id
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  it.each(['service', 'customer'])('a %s sees nothing of webhooks', async (role) => {
    const { page, visit, close } = await openConsole(browser, server.url, '/console/orders', {
      authorization: server.authorizations[role],
    })
    await page.getByRole('link', { name: 'Orders' }).waitFor()
    expect(await page.getByRole('link', { name: 'Webhooks' }).count()).toBe(0)
    for (const path of ['/console/webhooks', `/console/webhooks/${id}`]) {
      await visit(path)
      await page.getByRole('heading', { name: 'There is no such page' }).waitFor()
      expect(await page.content()).not.toContain('127.0.0.1:9/hooks')
    }
    await close()
  })

  it('an operator sees them', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console', {
      authorization: server.authorizations.operator,
    })
    await page.getByRole('link', { name: 'Webhooks' }).click()
    await page.getByRole('link', { name: 'http://127.0.0.1:9/hooks' }).click()
    await page.getByRole('heading', { name: 'http://127.0.0.1:9/hooks' }).waitFor()
    await close()
  })
})
