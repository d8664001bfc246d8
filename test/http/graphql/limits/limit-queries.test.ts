import { getIntrospectionQuery } from 'graphql'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import {
  type Answer,
  codesOf,
  connectByWebSocket,
  execute,
  serveTestApp,
  subscribeBySse,
  type TestServer,
} from '../../../support/graphql.ts'
import { seed } from '../../../support/harness.ts'

// a beat of the listener would count as a statement of the call that it falls into
vi.mock(import('../../../../src/limits.ts'), async (importOriginal) => ({
  ...(await importOriginal()),
  LISTEN_BEAT_INTERVAL_MS: 3_600_000,
}))

let server: TestServer
let orderId = ''
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  orderId = (await seed(server.app).order({ sku: 'BOLT' })).id
})
afterAll(() => server.close())

type Ask = (query: string, variables?: object) => Promise<Answer>

const transports: Record<string, Ask> = {
  POST: (query, variables) => execute(server, query, variables),
  GET: async (query, variables) => {
    const search = new URLSearchParams({ query, ...(variables && { variables: JSON.stringify(variables) }) })
    const response = await fetch(`${server.url}/graphql?${search}`, {
      headers: { accept: 'application/json' },
    })
    return response.json() as Promise<Answer>
  },
  'server-sent events': async (query, variables) => {
    const stream = subscribeBySse(server, query, variables)
    const answer = await stream.next()
    stream.leave()
    return answer!
  },
  WebSocket: async (query, variables) => {
    const client = connectByWebSocket(server)
    const answer = await client.subscribe(query, variables).next()
    await client.dispose()
    return answer!
  },
}

/** Runs an operation, and counts what it asked of the database. */
async function measure(ask: Ask, query: string, variables?: object) {
  const asked = vi.spyOn(pg.Client.prototype, 'query')
  try {
    const answer = await ask(query, variables)
    return { answer, statements: asked.mock.calls.length }
  } finally {
    asked.mockRestore()
  }
}

const times = (count: number, make: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => make(i)).join(' ')
const inItem = (fields: string) => `{ inventoryItem(sku: "BOLT") { ${fields} } }`
/** Movements of an item, their orders, those orders' items, their movements, and so on. */
const circle = (rounds: number, first: number | string, fields: string): string =>
  rounds === 0
    ? fields
    : `movements(first: ${first}) { edges { node { order { inventoryItem { ${circle(rounds - 1, first, fields)} } } } } }`
/** Nine fragments, each of which has the next twice. */
const doubling = `query { inventoryItem(sku: "BOLT") { ...F0 } } ${times(
  9,
  (i) =>
    `fragment F${i} on InventoryItem { ${['a', 'b'].map((alias) => `${alias}${i}: movements(first: 1) { edges { node { order { inventoryItem { ${i < 8 ? `...F${i + 1}` : 'sku'} } } } } }`).join(' ')} }`,
)}`

const COSTLY = 'QUERY_TOO_COSTLY'
const hostile: [name: string, query: string, variables: object | undefined, code: string, message: RegExp][] =
  [
    ['depth 50', inItem(circle(10, 1, 'sku')), undefined, COSTLY, /depth: 52, and at most 12 is allowed/],
    ['fragments that double', doubling, undefined, COSTLY, /depth: \d+, and at most 12/],
    [
      '1,000 aliases',
      inItem(times(1_000, (i) => `a${i}: sku`)),
      undefined,
      COSTLY,
      /aliases: 1000, and at most 100/,
    ],
    [
      '101 items',
      `{ ${times(101, (i) => `a${i}: inventoryItem(sku: "BOLT") { sku }`)} }`,
      undefined,
      COSTLY,
      /aliases: 101, /,
    ],
    [
      '500 directives',
      inItem(`sku ${times(500, () => '@include(if: true)')}`),
      undefined,
      COSTLY,
      /directives: 500, and at most 50/,
    ],
    [
      '4,000 directives',
      inItem(`sku ${times(4_000, () => '@x')}`),
      undefined,
      COSTLY,
      /tokens: more than 4000, and at most 4000/,
    ],
    ['20,000 tokens', inItem(times(20_000, () => 'sku')), undefined, COSTLY, /tokens: more than 4000/],
    [
      'a list in 1,990 lists',
      `{ order(id: ${'['.repeat(1_990)}${']'.repeat(1_990)}) { id } }`,
      undefined,
      COSTLY,
      /nesting: (1990|far more), and at most 10/,
    ],
    [
      'objects in each other',
      `{ orders(filter: ${'{ sku: '.repeat(11)}""${' }'.repeat(11)}) { edges { node { id } } } }`,
      undefined,
      COSTLY,
      /nesting: 11, /,
    ],
    [
      'a type of lists of lists',
      `query ($id: ${'['.repeat(1_900)}ID${']'.repeat(1_900)}) { order(id: $id) { id } }`,
      undefined,
      COSTLY,
      /nesting: (1900|far more), /,
    ],
    [
      '700 fields',
      `query { inventoryItem(sku: "BOLT") { ${times(70, () => 'movements { edges { node { ...M } } }')} } } fragment M on InventoryMovement { id sku type delta reason actor createdAt }`,
      undefined,
      COSTLY,
      /fields: \d+, and at most 500/,
    ],
    [
      'one field 3,900 times',
      inItem(times(3_900, () => 'sku')),
      undefined,
      COSTLY,
      /fields: 3901, and at most 500/,
    ],
    [
      'a page of a million',
      '{ orders(first: 1000000) { edges { node { id } } } }',
      undefined,
      'BAD_USER_INPUT',
      /"first" must be 0 to 100, not 1000000/,
    ],
    [
      'a page of a million, by a variable',
      'query ($n: Int) { orders(last: $n) { edges { node { id } } } }',
      { n: 1_000_000 },
      'BAD_USER_INPUT',
      /"last" must be 0 to 100, not 1000000/,
    ],
    [
      'a page of 101 in a page',
      '{ inventoryItems(first: 2) { edges { node { movements(first: 101) { edges { node { id } } } } } } }',
      undefined,
      'BAD_USER_INPUT',
      /not 101/,
    ],
    [
      'pages of pages of pages',
      `{ inventoryItems(first: 100) { edges { node { ${circle(1, 100, 'movements(first: 100) { edges { node { id } } }')} } } } }`,
      undefined,
      COSTLY,
      /(cost: \d{7}|depth: \d+), and at most/,
    ],
    [
      'pages of pages of pages, by variables',
      `query ($n: Int) { inventoryItems(first: $n) { edges { node { movements(first: $n) { edges { node { order { movements { id sku } events { type } } } } } } } } }`,
      { n: 100 },
      COSTLY,
      /cost: \d{6}, and at most 20000/,
    ],
    [
      'the levels of the items of all lines of a page of orders',
      '{ orders(first: 100) { edges { node { lines { inventoryItem { levels { id available location { code } } } } } } } }',
      undefined,
      COSTLY,
      /cost: \d{5}, and at most 20000/,
    ],
    [
      'the events of the orders of the shipments of a page of orders',
      '{ orders(first: 100) { edges { node { shipments { order { shipments { lines { sku qty } } events { lines { sku } } } } } } } }',
      undefined,
      COSTLY,
      /cost: \d{5}, and at most 20000/,
    ],
    [
      'an introspection under many names',
      `{ __schema { types { ${times(30, (i) => `f${i}: fields { name }`)} } } }`,
      undefined,
      COSTLY,
      /aliases in an introspection: 30/,
    ],
    [
      'an introspection under a name, in a fragment',
      '{ __schema { types { ...T } } } fragment T on __Type { a: name }',
      undefined,
      COSTLY,
      /aliases in an introspection: 1/,
    ],
    [
      'an introspection in a circle',
      `{ __schema { types { ${'fields { type { '.repeat(8)} name ${'} }'.repeat(8)} } } }`,
      undefined,
      'GRAPHQL_VALIDATION_FAILED',
      /introspection depth/,
    ],
    [
      'a mutation behind a costly answer',
      `mutation { createOrder(input: { sku: "BOLT", qty: 1 }) { order { inventoryItem { ${circle(3, 1, 'sku')} } } } }`,
      undefined,
      COSTLY,
      /depth/,
    ],
  ]

/** What a URL can hold; and what is no mutation, which these refuse anyway. */
const fits: Record<string, (query: string) => boolean> = {
  POST: () => true,
  GET: (query) => query.length < 10_000 && !query.startsWith('mutation'),
  'server-sent events': () => true,
  WebSocket: (query) => !query.startsWith('mutation'),
}

describe.each(Object.keys(transports))('by %s', (transport) => {
  const ask = transports[transport]!

  test.each(hostile.filter(([, query]) => fits[transport]!(query)))(
    'refuses %s before it asks the database anything',
    async (_name, query, variables, code, message) => {
      const { answer, statements } = await measure(ask, query, variables)
      expect(answer.data ?? null).toBeNull()
      expect(answer.errors?.[0]?.message).toMatch(message)
      if (transport === 'WebSocket' || code !== 'GRAPHQL_VALIDATION_FAILED')
        expect(codesOf(answer)[0]).toBe(code)
      expect(statements).toBe(0)
    },
  )

  test('takes what front ends ask for', async () => {
    const page = `query ($n: Int!) { orders(first: $n) {
      edges { cursor node {
        id sku qty status failureReason supplierRef version createdAt updatedAt
        inventoryItem { sku name available reserved onHand movements(first: 10) { edges { node { id type delta } } } }
        events { type from to reason version at }
        movements { id sku type delta availableAfter reason actor createdAt }
        lines { sku qty reserved waiting }
      } }
      pageInfo { hasNextPage endCursor }
    } }`
    const { answer } = await measure(ask, page, { n: 100 })
    expect(answer.errors).toBeUndefined()
    expect(answer.data.orders.edges).toHaveLength(1)
    const introspection = getIntrospectionQuery({
      inputValueDeprecation: true,
      directiveIsRepeatable: true,
      schemaDescription: true,
      specifiedByUrl: true,
    })
    expect((await ask(introspection)).errors).toBeUndefined()
  })

  test('judges one document by each of its variables and operations', async () => {
    const page = 'query ($n: Int) { orders(first: $n) { edges { node { id } } } }'
    expect((await ask(page, { n: 1 })).errors).toBeUndefined()
    expect(codesOf(await ask(page, { n: 1_000 }))).toEqual(['BAD_USER_INPUT'])
    expect((await ask(page, { n: 1 })).errors).toBeUndefined()
    expect((await ask(page, { n: 'x' })).errors).toHaveLength(1)
    expect((await ask(page, { n: 1 })).errors).toBeUndefined()
  })
})

test('judges the operation that is to run, not the others of its document', async () => {
  const query = `query Cheap { orders(first: 1) { edges { node { id } } } } query Dear ${inItem(circle(10, 1, 'sku'))}`
  const run = async (operationName: string) => {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, operationName }),
    })
    return (await response.json()) as Answer
  }
  for (let turn = 0; turn < 2; turn++) {
    expect((await run('Cheap')).errors).toBeUndefined()
    expect(codesOf(await run('Dear'))).toEqual([COSTLY])
  }
})

test.each(['server-sent events', 'WebSocket'])('refuses a costly subscription by %s', async (transport) => {
  const query = `subscription ($id: ID!) { orderStatusChanged(id: $id) { inventoryItem { ${circle(3, 1, 'sku')} } } }`
  const { answer, statements } = await measure(transports[transport]!, query, { id: orderId })
  expect(codesOf(answer)).toEqual([COSTLY])
  expect(statements).toBe(0)
})

test('answers a POST that asks for a status with 400', async () => {
  const accept = 'application/graphql-response+json'
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { accept, 'content-type': 'application/json' },
    body: JSON.stringify({ query: '{ orders(first: 101) { edges { node { id } } } }' }),
  })
  expect(response.status).toBe(400)
  expect(response.headers.get('content-type')).toMatch(/^application\/graphql-response\+json/)
  expect(await response.json()).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT' } }] })
})
