import { createHash } from 'node:crypto'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createHttpServer } from '../../../src/http/http-server.ts'
import { type Answer, codesOf } from '../../support/graphql.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'

const ITEM = 'query ($sku: String!) { inventoryItem(sku: $sku) { available } }'
const HASH = createHash('sha256').update(ITEM).digest('hex')
const documents = new Map([
  ['item', ITEM],
  [HASH, ITEM],
  [
    'deep',
    `{ inventoryItems { edges { node { ${'movements { edges { node { order { inventoryItem { '.repeat(3)} sku ${'} } } } } '.repeat(3)} } } } }`,
  ],
])

let testApp: TestApp
let url = ''
let close: () => Promise<void>
beforeAll(async () => {
  testApp = await createTestApp()
  await seed(testApp.app).item({ sku: 'BOLT', available: 10 })
  const http = await createHttpServer(testApp.app, {
    servesApis: true,
    simulatesSupplier: false,
    readinessChecks: {},
    corsOrigins: [],
    explorer: true,
    persistedDocuments: documents,
  })
  url = await http.listen({ host: '127.0.0.1', port: 0 })
  close = () => http.close()
})
afterAll(async () => {
  await close()
  await testApp.close()
})

type Ask = (params: Record<string, unknown>) => Promise<Answer>

const post = (accept: string) => (params: object) =>
  fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(params),
  })

const transports: Record<string, Ask> = {
  POST: async (params) => (await post('application/json')(params)).json() as Promise<Answer>,
  'server-sent events': async (params) => {
    const text = await (await post('text/event-stream')(params)).text()
    return JSON.parse(/^data: (.+)$/m.exec(text)?.[1] ?? text)
  },
  WebSocket: (params) =>
    new Promise((resolve, reject) => {
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
      })
      client.subscribe<Record<string, unknown>>({ query: '', ...params } as { query: string }, {
        next: (answer) => resolve(answer as Answer),
        error: (error) => (Array.isArray(error) ? resolve({ errors: error }) : reject(error)),
        complete: () => client.dispose(),
      })
    }),
}

const variables = { sku: 'BOLT' }
const byHash = (sha256Hash: unknown) => ({ extensions: { persistedQuery: { version: 1, sha256Hash } } })

describe.each(Object.keys(transports))('by %s', (transport) => {
  const ask = transports[transport]!

  test.each([
    ['its id', { documentId: 'item' }],
    ['its hash', byHash(HASH)],
    ['its hash as the draft of GraphQL over HTTP has it', { documentId: `sha256:${HASH}` }],
  ])('runs a document by %s', async (_name, params) => {
    expect(await ask({ ...params, variables })).toEqual({ data: { inventoryItem: { available: 10 } } })
  })

  test.each([
    ['an unknown id', { documentId: 'nope' }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['an unknown hash', byHash('0'.repeat(64)), 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['the name of a method', { documentId: 'constructor' }, 'PERSISTED_DOCUMENT_NOT_FOUND'],
    ['a hash that is no text', byHash(5), 'PERSISTED_DOCUMENT_REQUIRED'],
    ['a text', { query: ITEM }, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['a text beside an id', { query: '{ __typename }', documentId: 'item' }, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['nothing', {}, 'PERSISTED_DOCUMENT_REQUIRED'],
    ['a document that costs too much', { documentId: 'deep' }, 'QUERY_TOO_COSTLY'],
  ])('refuses %s', async (_name, params, code) => {
    const answer = await ask({ ...params, variables })
    expect(answer.data ?? null).toBeNull()
    expect(codesOf(answer)).toEqual([code])
  })
})

describe('by GET', () => {
  const get = async (params: Record<string, string>) => {
    const search = new URLSearchParams({ ...params, variables: JSON.stringify(variables) })
    const response = await fetch(`${url}/graphql?${search}`, { headers: { accept: 'application/json' } })
    return (await response.json()) as Answer
  }

  test('runs a document by its hash or its id, and no text', async () => {
    const found = { data: { inventoryItem: { available: 10 } } }
    expect(await get({ extensions: JSON.stringify(byHash(HASH).extensions) })).toEqual(found)
    expect(await get({ documentId: 'item' })).toEqual(found)
    expect(await get({ documentId: `sha256:${HASH}` })).toEqual(found)
    expect(codesOf(await get({ documentId: 'nope' }))).toEqual(['PERSISTED_DOCUMENT_NOT_FOUND'])
    expect(codesOf(await get({ query: ITEM }))).toEqual(['PERSISTED_DOCUMENT_REQUIRED'])
    expect(codesOf(await get({ query: ITEM, documentId: 'item' }))).toEqual(['PERSISTED_DOCUMENT_REQUIRED'])
  })
})

test.each(['null', '[]', '5', '{"documentId":', '[{"documentId":"item"}]'])(
  'refuses the body %s',
  async (body) => {
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await fetch(`${url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept },
        body,
      })
      // what asked for a stream may get its error in one
      if (accept === 'application/json') expect(response.status).toBe(400)
      const text = await response.text()
      expect(text).toContain('"errors"')
      expect(text).not.toContain('"data"')
    }
  },
)
