import { createHash } from 'node:crypto'
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { Client, cacheExchange, fetchExchange } from '@urql/core'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
})
afterAll(() => server.close())

const apollo = (...links: ApolloLink[]) =>
  new ApolloClient({
    cache: new InMemoryCache(),
    link: ApolloLink.from([...links, new HttpLink({ uri: `${server.url}/graphql` })]),
  })
const urql = (options = {}) =>
  new Client({
    url: `${server.url}/graphql`,
    exchanges: [cacheExchange, fetchExchange],
    preferGetMethod: false,
    ...options,
  })

const ITEM = gql`
  query ($sku: String!) {
    inventoryItem(sku: $sku) {
      id
      available
    }
  }
`
const variables = { sku: 'BOLT' }
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')

it.each([false, true])(
  "Apollo's automatic persisted queries fall back to the text, and stay with it; by GET: %s",
  async (useGETForHashedQueries) => {
    const fetches = vi.spyOn(globalThis, 'fetch')
    const client = apollo(new PersistedQueryLink({ sha256, useGETForHashedQueries }))
    const ask = async () => (await client.query({ query: ITEM, variables, fetchPolicy: 'no-cache' })).data
    expect(await ask()).toMatchObject({ inventoryItem: { id: 'item:BOLT' } })
    expect(fetches).toHaveBeenCalledTimes(2)
    expect(await ask()).toMatchObject({ inventoryItem: { id: 'item:BOLT' } })
    expect(fetches).toHaveBeenCalledTimes(3)
    fetches.mockRestore()
  },
)

it('Apollo shows what is served for a subscription that it asks for by multipart', async () => {
  const query = gql`
    subscription ($id: ID!) {
      orderStatusChanged(id: $id) {
        id
        status
      }
    }
  `
  const { id } = await seed(server.app).order({ sku: 'BOLT' })
  const message = await new Promise((resolve) =>
    apollo()
      .subscribe({ query, variables: { id } })
      .subscribe({ next: ({ error }) => resolve(error?.message), error: (error) => resolve(error.message) }),
  )
  expect(message).toMatch(/graphql-ws.*text\/event-stream/)
})

it("Apollo's cache holds the new stock after adjustInventory", async () => {
  const client = apollo()
  await client.query({ query: ITEM, variables })
  await client.mutate({
    mutation: gql`
      mutation {
        adjustInventory(input: { sku: "BOLT", delta: 7, reason: "found" }) {
          inventoryItem {
            id
            available
          }
        }
      }
    `,
  })
  const held = client.readQuery<{ inventoryItem: { available: number } }>({ query: ITEM, variables })
  const { data } = await client.query<{ inventoryItem: { available: number } }>({
    query: ITEM,
    variables,
    fetchPolicy: 'network-only',
  })
  expect(held).toEqual(data)
})

it.each([false, true, 'force'])('urql asks by GET where it is told to: %s', async (preferGetMethod) => {
  const { data, error } = await urql({ preferGetMethod }).query(ITEM, variables).toPromise()
  expect(error).toBeUndefined()
  expect(data).toMatchObject({ inventoryItem: { id: 'item:BOLT' } })
})
