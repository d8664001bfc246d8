import { createHash } from 'node:crypto'
import { getIntrospectionQuery } from 'graphql'
import { createClient } from 'graphql-ws'
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest'
import WebSocket from 'ws'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { eventually, seed } from '../support/harness.ts'

let server: TestServer
let orderId = ''
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
  orderId = (await seed(server.app).order({ sku: 'BOLT' })).id
})
afterAll(() => server.close())

const JSON_ALONE = 'application/json'
/** As Apollo and urql ask. */
const WITH_STATUS = 'application/graphql-response+json, application/json;q=0.9'
const QUERY = '{ inventoryItem(sku: "BOLT") { available } }'
const byHash = {
  extensions: {
    persistedQuery: { version: 1, sha256Hash: createHash('sha256').update(QUERY).digest('hex') },
  },
}

async function post(body: unknown, accept = JSON_ALONE) {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  })
  return read(response)
}

async function get(params: Record<string, unknown>, accept = JSON_ALONE) {
  const texts = Object.entries(params).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ])
  return read(await fetch(`${server.url}/graphql?${new URLSearchParams(texts)}`, { headers: { accept } }))
}

async function read(response: Response) {
  const type = response.headers.get('content-type')
  return { status: response.status, type, ...(await response.json()) }
}

describe.each([
  [JSON_ALONE, 200],
  [WITH_STATUS, 400],
])('automatic persisted queries, for a client that accepts %s', (accept, status) => {
  it.each([
    ['POST', post],
    ['GET', get],
  ])('are not supported, which it is told in the words that it knows, by %s', async (_name, ask) => {
    expect(await ask(byHash, accept)).toMatchObject({
      status,
      errors: [
        { message: 'PersistedQueryNotSupported', extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' } },
      ],
    })
    expect(await ask({ documentId: 'item' }, accept)).toMatchObject({
      status,
      errors: [
        {
          message: expect.stringContaining('send the query'),
          extensions: { code: 'PERSISTED_QUERY_NOT_SUPPORTED' },
        },
      ],
    })
    expect(await ask({ ...byHash, query: QUERY }, accept)).toMatchObject({
      status: 200,
      data: { inventoryItem: { available: 10 } },
    })
  })
})

test('automatic persisted queries are not supported over WebSocket either', async () => {
  const client = createClient({
    url: `${server.url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
  })
  const refusal = new Promise((resolve, reject) =>
    client.subscribe({ query: '', ...byHash }, { next: reject, complete: () => {}, error: resolve }),
  )
  expect(await refusal).toMatchObject([{ message: 'PersistedQueryNotSupported' }])
  await client.dispose()
})

describe('a subscription by a client that takes no stream of ours', () => {
  const subscription = () => ({
    query: `subscription { orderStatusChanged(id: "${orderId}") { status } }`,
  })
  const sentence = { message: expect.stringMatching(/graphql-ws.*text\/event-stream/) }

  it.each([
    [
      'Apollo without a link for subscriptions',
      'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json',
    ],
    ['multipart alone', 'multipart/mixed;subscriptionSpec=1.0'],
  ])('is refused with what is served: %s', async (_name, accept) => {
    for (const ask of [post, get]) {
      const answer = await ask(subscription(), accept)
      expect(answer).toMatchObject({ status: 406, errors: [sentence] })
      expect(answer.type).toContain('application/graphql-response+json')
      expect(codesOf(answer)).toEqual(['NOT_ACCEPTABLE'])
    }
    await eventually(() => server.app.feed.watcherCount === 0)
  })

  it('is refused with what is served where it takes JSON alone', async () => {
    expect(await post(subscription())).toMatchObject({ status: 200, errors: [sentence] })
    expect(await post(subscription(), WITH_STATUS)).toMatchObject({ status: 400, errors: [sentence] })
    expect(await get(subscription())).toMatchObject({ status: 406, errors: [sentence] })
  })

  it('is answered by queries and mutations all the same', async () => {
    for (const accept of [
      'multipart/mixed;boundary="graphql";subscriptionSpec=1.0,application/json',
      'multipart/mixed;deferSpec=20220824,application/json',
    ]) {
      expect(await post({ query: QUERY }, accept)).toMatchObject({
        status: 200,
        data: { inventoryItem: { available: 10 } },
      })
    }
  })
})

it('refuses a batch, and says what to do', async () => {
  for (const body of [[], [{ query: QUERY }, { query: QUERY }]]) {
    const { status, errors } = await post(body)
    expect([status, errors[0].message]).toEqual([400, expect.stringContaining('one operation per request')])
  }
})

it('passes over extensions that it does not know, and takes null for what is not given', async () => {
  const nothing = { operationName: null, variables: null, extensions: null }
  for (const params of [{ extensions: { clientLibrary: { name: 'x' } } }, nothing]) {
    expect(await post({ query: QUERY, ...params })).toMatchObject({ data: { inventoryItem: {} } })
  }
})

it('takes variables and the name of the operation by GET, as urql sends them', async () => {
  const query = 'query A { __typename } query B($sku: String!) { inventoryItem(sku: $sku) { available } }'
  const answer = await get({ query, operationName: 'B', variables: { sku: 'BOLT' } }, WITH_STATUS)
  expect(answer).toMatchObject({ status: 200, data: { inventoryItem: { available: 10 } } })
})

it('answers the widest introspection that tools send', async () => {
  const query = getIntrospectionQuery({
    descriptions: true,
    specifiedByUrl: true,
    directiveIsRepeatable: true,
    schemaDescription: true,
    inputValueDeprecation: true,
    oneOf: true,
  })
  const { data, errors } = await execute(server, query)
  expect(errors).toBeUndefined()
  const scalars = data.__schema.types.filter(
    ({ specifiedByURL }: { specifiedByURL: unknown }) => specifiedByURL,
  )
  expect(scalars.map(({ name }: { name: string }) => name).sort()).toEqual(['DateTime', 'JSON', 'Quantity'])
})

it('bears the __typename that Apollo adds to every object, in the widest page', async () => {
  const query = `{ __typename orders(first: 100) { __typename edges { __typename cursor node {
    __typename id sku qty status version createdAt inventoryItem { __typename id available }
    events { __typename type version } movements { __typename id delta } } }
    pageInfo { __typename hasNextPage endCursor } } }`
  expect((await execute(server, query)).errors).toBeUndefined()
})
