import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { graphiqlSetup } from '../../src/http/graphql/explorer/graphiql-setup.ts'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { hasNoBrowser, launchBrowser } from './support/browser.ts'

const TABS = graphiqlSetup(false).defaultTabs.length

const editorOf = (page: Page) => page.getByRole('region', { name: 'Operation Editor' })
const tabsOf = (page: Page) => page.locator('.graphiql-tab')
const openTab = (page: Page) => page.locator('.graphiql-tab-active').textContent()

describe.skipIf(hasNoBrowser)('GraphiQL', () => {
  let servers: { open: TestServer; closed: RolesServer }
  let browser: Browser
  beforeAll(async () => {
    servers = { open: await serveTestApp(), closed: await serveRoles() }
    browser = await launchBrowser()
  })
  afterAll(async () => {
    await browser?.close()
    await servers?.open.close()
    await servers?.closed.close()
  })

  it.each(['open', 'closed'] as const)(
    'opens the examples again at a second visit, and no empty tab (%s to everybody)',
    async (which) => {
      const context = await browser.newContext()
      const visit = async () => {
        const page = await context.newPage()
        await page.goto(`${servers[which].url}/graphql`)
        await expect.poll(() => tabsOf(page).count()).toBe(TABS)
        return page
      }
      const first = await visit()
      await editorOf(first).getByText('What is in stock').waitFor()
      await first.close()

      const second = await visit()
      await editorOf(second).getByText('What is in stock').waitFor()
      // its close button has a name of its own behind that
      expect(await openTab(second)).toMatch(/^Look/)
      await context.close()
    },
  )
})
