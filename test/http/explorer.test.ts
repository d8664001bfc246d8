import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  execute,
  serveTestApp,
  subscribeBySse,
  subscribeByWebSocket,
  type TestServer,
} from '../support/graphql.ts'
import { rawCall } from '../support/raw-call.ts'

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp({ explorer: false })
})
afterAll(() => server.close())

describe('without the explorer', () => {
  it.each(['/', '/docs', '/docs/', '/docs/json', '/docs/static/index.html', '/openapi.json'])(
    'there is nothing at %s',
    async (path) => {
      const { status, headers } = await rawCall(server.url + path, { headers: { accept: 'text/html' } })
      expect([status, headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8'])
    },
  )

  it('there is no GraphiQL: a browser gets the answer to its query', async () => {
    const { headers, text } = await rawCall(`${server.url}/graphql?query={__typename}`, {
      headers: { accept: 'text/html,application/json' },
    })
    expect(headers['content-type']).toMatch(/json/)
    expect(JSON.parse(text)).toEqual({ data: { __typename: 'Query' } })
  })

  const ASK = [
    '{ __schema { types { name } } }',
    '{ __type(name: "Order") { fields { name } } }',
    '{ a: __schema { queryType { name } } ...F } fragment F on Query { __type(name: "Order") { name } }',
  ]
  const MISSPELT = [
    '{ ordes { edges { node { id } } } }',
    '{ order(idd: 1) { id } }',
    '{ orders(filter: { stats: PENDING }) { edges { node { id } } } }',
    '{ orders(filter: { status: PENDIN }) { edges { node { id } } } }',
    'query ($id: IDD!) { order(id: $id) { id } }',
    '{ order(id: 1) { ... on Ordr { id } } }',
    'mutation { createOrdr(input: {}) { order { id } } }',
    'subscription { orderStatusChange(id: 1) { id } }',
  ]
  const ways = {
    POST: (query: string) => execute(server, query),
    GET: async (query: string) =>
      JSON.parse((await rawCall(`${server.url}/graphql?query=${encodeURIComponent(query)}`)).text),
    'server-sent events': (query: string) => subscribeBySse(server, query).next(),
    WebSocket: (query: string) => subscribeByWebSocket(server, query).next(),
  }

  describe.each(Object.entries(ways))('by %s', (_name, ask) => {
    it('the schema is not shown', async () => {
      for (const query of ASK) {
        const answer = await ask(query)
        expect(answer?.data ?? null).toBeNull()
        expect(answer?.errors?.[0]?.message).toMatch(/introspection/i)
      }
    })

    it('nobody is told what they may have meant', async () => {
      for (const query of MISSPELT) {
        const answer = await ask(query)
        expect(answer?.errors?.length).toBeGreaterThan(0)
        expect(JSON.stringify(answer)).not.toMatch(/did you mean/i)
      }
    })
  })

  it('nobody is told what they may have meant in variables', async () => {
    for (const [query, variables] of [
      [
        'query ($f: OrderFilter) { orders(filter: $f) { edges { node { id } } } }',
        { f: { stats: 'PENDING' } },
      ],
      [
        'query ($s: OrderStatus) { orders(filter: { status: $s }) { edges { node { id } } } }',
        { s: 'PENDIN' },
      ],
      ['subscription ($i: ID!) { orderStatusChanged(id: $i) { id } }', { i: {} }],
    ] as const) {
      for (const answer of [
        await execute(server, query, variables),
        (await subscribeBySse(server, query, variables).next())!,
        (await subscribeByWebSocket(server, query, variables).next())!,
      ]) {
        expect(answer.errors?.length).toBeGreaterThan(0)
        expect(JSON.stringify(answer)).not.toMatch(/did you mean|RESERVED|AWAITING/i)
      }
    }
  })
})

describe('with the explorer', () => {
  it('GraphiQL runs under a policy that names its own script, and no other', async () => {
    const explorer = await serveTestApp()
    for (const _again of [1, 2]) {
      const { headers, text } = await rawCall(`${explorer.url}/graphql`, { headers: { accept: 'text/html' } })
      const [, script] = /<script>(.*?)<\/script>/s.exec(text)!
      const hash = createHash('sha256').update(script!).digest('base64')
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain(`script-src 'sha256-${hash}';`)
      expect(policy).toMatch(/^default-src 'none'/)
      expect(policy).not.toMatch(/script-src[^;]*unsafe|\*|https?:/)
    }
    await explorer.close()
  })
})
