import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'
import { findViolations, hasNoBrowser, launchBrowser, openConsole } from './support/browser.ts'

describe.skipIf(hasNoBrowser)('the locations of the console', () => {
  let server: TestServer
  let browser: Browser
  beforeAll(async () => {
    server = await serveTestApp({ servesConsole: true })
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await server?.close()
  })

  const read = (code: string) => server.app.prisma.location.findUnique({ where: { code } })

  it('without authentication just open; one is created, changed, and taken out of use', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console/locations')
    await page.getByText('MAIN', { exact: true }).first().waitFor()
    await page.getByRole('button', { name: 'New location' }).click()
    const dialog = page.getByRole('dialog')
    expect(await findViolations(page)).toEqual([])
    await dialog.getByLabel('Code').fill('NORTH')
    await dialog.getByLabel('Priority').fill('7')
    // by the keyboard
    await dialog.getByLabel('Name').fill('The north')
    await page.keyboard.press('Enter')
    await page.getByText('Location NORTH is saved').waitFor()
    await page.getByRole('cell', { name: 'NORTH', exact: true }).waitFor()
    expect(await read('NORTH')).toMatchObject({ name: 'The north', priority: 7, isActive: true })

    await page.getByRole('button', { name: 'Edit NORTH' }).click()
    await dialog.getByLabel('Active').uncheck()
    await dialog.getByRole('button', { name: 'Save' }).click()
    const question = page.getByRole('dialog', { name: 'Take NORTH out of use?' })
    await question.getByText('Orders take nothing more').or(question.getByText('take nothing more')).waitFor()
    await question.getByRole('button', { name: 'Leave it' }).click()
    expect(await read('NORTH')).toMatchObject({ isActive: true })
    await dialog.getByRole('button', { name: 'Save' }).click()
    await question.getByRole('button', { name: 'Take it out of use' }).click()
    await eventually(async () => (await read('NORTH'))?.isActive === false)
    await page.getByRole('row', { name: /NORTH/ }).getByText('Inactive').waitFor()
    await close()
  })

  it('say at the field what is wrong', async () => {
    const { page, close } = await openConsole(browser, server.url, '/console/locations')
    await page.getByRole('button', { name: 'New location' }).click()
    const code = page.getByRole('dialog').getByLabel('Code')
    await code.fill('no such code')
    await page.getByRole('button', { name: 'Save' }).click()
    await expect.poll(() => code.getAttribute('aria-invalid')).toBe('true')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'detached' })
    await close()
  })

  it('beyond a hundred are shown on demand, and so are the levels of an item', async () => {
    await seed(server.app).item({ sku: 'GIZMO', available: 1 })
    for (let number = 100; number < 205; number++) {
      await seed(server.app).location(`BIN-${number}`)
      await seed(server.app).stock({ location: `BIN-${number}` })
    }
    const { page, visit, close } = await openConsole(browser, server.url, '/console/locations')
    for (const [path, table, last] of [
      ['/console/locations', 'Locations', 'MAIN'],
      ['/console/stock/GIZMO', 'Levels by location', 'MAIN'],
    ] as const) {
      await visit(path)
      const rows = page.getByRole('table', { name: table }).getByRole('row')
      await page.getByRole('button', { name: 'Show more' }).waitFor()
      // with the head
      expect(await rows.count()).toBe(101)
      await page.getByRole('button', { name: 'Show more' }).click()
      await rows.filter({ hasText: last }).waitFor()
      expect(await rows.count()).toBeGreaterThan(105)
    }
    await close()
  })
})
