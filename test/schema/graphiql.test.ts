import { parse, validate } from 'graphql'
import { expect } from 'vitest'
import { graphiqlSetup } from '../../src/http/graphql/explorer/graphiql-setup.ts'
import { schema } from '../../src/schema/index.ts'
import { sharedTest as it } from '../support/fixtures.ts'
import type { TestServer } from '../support/graphql.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

async function call(server: TestServer, headers: Record<string, string>) {
  const response = await fetch(`${server.url}/graphql`, { headers })
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() }
}

it('is served to a browser, with tabs to try', async ({ server }) => {
  const { status, type, text } = await call(server, BROWSER)
  expect(status).toBe(200)
  expect(type).toMatch(/^text\/html/)
  expect(text).toContain('<title>Holdfast</title>')
  expect(text).toContain('orderStatusChanged(id: $id)')
})

it('has tabs that the schema takes, a checkout among them', () => {
  const queries = graphiqlSetup(false).defaultTabs.map(({ query }) => query)
  for (const query of queries) expect(validate(schema, parse(query))).toEqual([])
  expect(queries.join('')).toMatch(/holdSeconds.*extendHold.*confirmOrder/s)
})

it('works offline: it loads nothing from another address', async ({ server }) => {
  const { text } = await call(server, BROWSER)
  const loaded = [
    ...text.matchAll(
      /<(?:script|link|img|iframe|source|embed)\b[^>]*?\b(?:src|href)\s*=\s*["']?([^"'\s>]{1,200})/gi,
    ),
    ...text.matchAll(/@import\s+(?:url\()?["']?([^"')\s;]{1,200})/gi),
    ...text.matchAll(/\burl\(\s*\\?["']?((?:https?:)?\/\/[^"')]{1,200})/gi),
    ...text.matchAll(/\b(?:import|importScripts|fetch)\(\s*["'`]([^"'`]{1,200})/g),
    ...text.matchAll(/new (?:Shared)?Worker\(\s*["'`]([^"'`]{1,200})/g),
  ].map((match) => match[1]!)
  // it has at least an icon, as data
  expect(loaded.some((address) => address.startsWith('data:'))).toBe(true)
  expect(loaded.filter((address) => /^(?:https?:)?\/\//.test(address))).toEqual([])
  expect(text).not.toMatch(/unpkg\.com|jsdelivr|esm\.sh|cdnjs|googleapis|gstatic/)
})

it('does not stand in for an answer to a program', async ({ server }) => {
  for (const headers of [{ accept: 'application/json' }, { accept: '*/*' }]) {
    expect((await call(server, headers)).type).toMatch(/^application\/json/)
  }
})
