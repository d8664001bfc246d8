import { afterAll, beforeAll, expect, it } from 'vitest'
import {
  execute,
  serveTestApp,
  subscribeBySse,
  subscribeByWebSocket,
  type TestServer,
} from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

const QUERY = '{ inventoryItem(sku: "BOLT") { available } }'
const MUTATION =
  'mutation { adjustInventory(input: { sku: "BOLT", delta: 1, reason: "x" }) { movement { id } } }'
const JSON_TYPE = { 'content-type': 'application/json' }
const JSON_TYPE_ANSWERED = 'application/json; charset=utf-8'
const _BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
})
afterAll(() => server.close())

async function call(init: RequestInit & { duplex?: 'half' }, search = '') {
  const response = await fetch(`${server.url}/graphql${search}`, init as RequestInit)
  const text = await response.text()
  return { status: response.status, type: response.headers.get('content-type'), text }
}
const post = (body: string, headers: Record<string, string> = JSON_TYPE) =>
  call({ method: 'POST', headers, body })
const get = (query: string, headers = {}) => call({ headers }, `?query=${encodeURIComponent(query)}`)

async function available(): Promise<number> {
  return (await execute(server, QUERY)).data.inventoryItem.available
}

it('answers a query by POST and by GET', async () => {
  const before = await available()
  for (const { status, text } of [await post(JSON.stringify({ query: QUERY })), await get(QUERY)]) {
    expect(status).toBe(200)
    expect(JSON.parse(text)).toEqual({ data: { inventoryItem: { available: before } } })
  }
})

it.each([
  ['variables', 'not-json'],
  ['variables', '{"id":'],
  ['variables', '5'],
  ['variables', '"x"'],
  ['variables', '[1]'],
  ['extensions', 'not-json'],
  ['extensions', '5'],
])('refuses a GET whose %s are %s', async (name, value) => {
  const search = `?query=${encodeURIComponent(QUERY)}&${name}=${encodeURIComponent(value)}`
  for (const accept of [
    '*/*',
    'application/json',
    'application/graphql-response+json',
    'text/event-stream',
  ]) {
    const { status, text } = await call({ headers: { accept } }, search)
    expect({ status, text }).toMatchObject({ status: 400 })
    expect(text).toContain('"errors":[{"message":')
    expect(text).not.toContain('Unexpected error')
  }
})

it('changes something by POST, and refuses to by GET', async () => {
  const before = await available()
  expect((await post(JSON.stringify({ query: MUTATION }))).status).toBe(200)
  expect(await available()).toBe(before + 1)
  const { status, text } = await get(MUTATION)
  expect({ status, result: JSON.parse(text) }).toEqual({ status: 405, result: refusal('METHOD_NOT_ALLOWED') })
  expect((await get(MUTATION, { accept: 'text/event-stream' })).text).not.toContain('"data":{"adjust')
  expect(await available()).toBe(before + 1)
})

it('says by a code what it refuses for its method or for what is accepted', async () => {
  const deletion = await call({ method: 'DELETE' })
  expect(deletion).toMatchObject({ status: 405, type: JSON_TYPE_ANSWERED })
  expect(JSON.parse(deletion.text)).toEqual(refusal('METHOD_NOT_ALLOWED'))
  const { id } = await seed(server.app).order({ sku: 'BOLT' })
  const watching = `subscription { orderStatusChanged(id: "${id}") { id } }`
  for (const [query, accept] of [
    [watching, 'application/json'],
    [watching, 'multipart/mixed'],
    [QUERY, 'image/png'],
  ] as const) {
    const { status, type, text } = await get(query, { accept })
    expect({ status, type, result: JSON.parse(text) }).toEqual({
      status: 406,
      type: JSON_TYPE_ANSWERED,
      result: refusal('NOT_ACCEPTABLE'),
    })
  }
})

it.each([
  ['is not JSON', '{"query":'],
  ['is empty', ''],
  ['is null', 'null'],
  ['is a string', '"{ __typename }"'],
  ['has no query', '{}'],
  ['has a query that is no text', '{"query":5}'],
  ['has variables that are no object', '{"query":"{__typename}","variables":"x"}'],
  ['is a batch', `[{"query":"${'{ __typename }'}"}]`],
  ['is an empty batch', '[]'],
])('refuses a body that %s', async (_name, body) => {
  const { status, text } = await post(body)
  expect(status).toBe(400)
  expect(JSON.parse(text)).toEqual(refusal('BAD_REQUEST'))
})

const EVENTS = { ...JSON_TYPE, accept: 'text/event-stream' }
const RESPONSE = { ...JSON_TYPE, accept: 'application/graphql-response+json' }

it('shows a client that asked for a stream nothing of how its body was read', async () => {
  const { text } = await post('{"query":"{ __typename }" "secret"', EVENTS)
  const [, data] = /^data: (.+)$/m.exec(text)!
  expect(JSON.parse(data!)).toEqual(refusal('BAD_REQUEST'))
})

it.each([
  ['a subscription without a stream', `subscription { orderStatusChanged(id: "x") { id } }`, 'BAD_REQUEST'],
  ['one of no operations', 'query A { __typename }', 'OPERATION_RESOLUTION_FAILURE'],
])('says by a code alone what is wrong with %s', async (_name, query, code) => {
  const body = JSON.stringify({ query, operationName: query.startsWith('query') ? 'B' : undefined })
  const { status, text } = await post(body, RESPONSE)
  expect({ status, result: JSON.parse(text) }).toEqual({ status: 400, result: refusal(code) })
})

it('refuses what nearly is JSON in words as well, whatever is asked for', async () => {
  for (const type of ['application/jsonp', 'application/json; charset=utf-16', 'text/plain']) {
    for (const accept of ['*/*', ...(type.includes(';') ? [] : ['text/event-stream'])]) {
      const { status, text } = await post(JSON.stringify({ query: QUERY }), { 'content-type': type, accept })
      expect({ status, result: JSON.parse(text) }).toEqual({
        status: 415,
        result: refusal('UNSUPPORTED_MEDIA_TYPE'),
      })
    }
  }
})

it('tells by the status that a query was refused before it ran, by GET as by POST, to who asks for it', async () => {
  const query = '{ orders(first: -1) { pageInfo { hasNextPage } } }'
  const body = JSON.stringify({ query })
  expect((await post(body, RESPONSE)).status).toBe(400)
  expect((await get(query, RESPONSE)).status).toBe(400)
  expect((await post(body)).status).toBe(200)
  expect((await get(query, { accept: 'application/json' })).status).toBe(200)
})

it.each([
  ['JSON', JSON_TYPE],
  ['JSON that asks for a stream', { ...JSON_TYPE, accept: 'text/event-stream' }],
])('refuses %s over 100 kB, and takes less', async (_name, headers) => {
  const body = (size: number) =>
    JSON.stringify({ query: '{ __typename }', extensions: { x: 'x'.repeat(size) } })
  expect((await post(body(99_000), headers)).status).toBe(200)
  const refused = await post(body(100_001), headers)
  expect(refused.status).toBe(413)
  expect(refused.text).toContain('"extensions":{"code":"REQUEST_ENTITY_TOO_LARGE"}')
  expect((await call({ method: 'POST', headers, body: chunked(body(100_001)), duplex: 'half' })).status).toBe(
    413,
  )
})

// what a page of another site can have a browser send without asking
it.each([
  ['a form', 'application/x-www-form-urlencoded', `query=${encodeURIComponent(MUTATION)}`],
  [
    'a form of parts',
    'multipart/form-data; boundary=x',
    part('operations', JSON.stringify({ query: MUTATION })),
  ],
  ['plain text', 'text/plain', JSON.stringify({ query: MUTATION })],
  ['text that says JSON', 'text/plain; a=application/json', JSON.stringify({ query: MUTATION })],
])('refuses %s, and does not run what is in it', async (_name, type, body) => {
  const before = await available()
  for (const accept of ['*/*', 'text/event-stream']) {
    expect((await post(body, { 'content-type': type, accept })).status).toBe(415)
  }
  expect(await available()).toBe(before)
})

it('lets no page of another site read its answers', async () => {
  const headers = { ...JSON_TYPE, origin: 'http://evil.test' }
  const preflight = { origin: 'http://evil.test', 'access-control-request-method': 'POST' }
  for (const init of [
    { method: 'POST', headers, body: JSON.stringify({ query: QUERY }) },
    {
      method: 'POST',
      headers: { ...headers, accept: 'text/event-stream' },
      body: JSON.stringify({ query: QUERY }),
    },
    { headers: { ...headers, accept: 'text/event-stream' } },
    { method: 'OPTIONS', headers: preflight },
  ]) {
    const response = await fetch(`${server.url}/graphql`, init)
    await response.text()
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
  }
})

it.each([
  ['a syntax error', '{ orders('],
  ['an unknown field', '{ nope }'],
  ['a fragment that holds itself', '{ ...A } fragment A on Query { ...A }'],
  ['40,000 levels', '{a'.repeat(40_000)],
])('answers a document with %s by an error, and goes on', async (_name, query) => {
  const { status, text } = await post(JSON.stringify({ query }))
  expect(status).toBeLessThan(500)
  expect(JSON.parse(text)).toEqual({ errors: [expect.objectContaining({ message: expect.any(String) })] })
  expect(await available()).toBeGreaterThan(0)
})

it.each(['{ orders(', '{ nope }', 'mutation { nope }'])(
  'says of the mistake in %j what it is, and nothing of its own workings',
  async (query) => {
    const answers = [
      JSON.parse((await post(JSON.stringify({ query }))).text),
      await subscribeByWebSocket(server, query).next(),
      await subscribeBySse(server, query).next(),
    ]
    for (const { errors } of answers) {
      expect(errors).toHaveLength(1)
      expect(errors[0].extensions).toEqual({ code: expect.any(String) })
    }
  },
)

/** A result that says that a call was refused. */
function refusal(code: string) {
  return { errors: [{ message: expect.stringMatching(/./), extensions: { code } }] }
}

function part(name: string, value: string): string {
  return `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--x--\r\n`
}

/** A body without a length in advance. */
function chunked(text: string): ReadableStream {
  return new Blob([text]).stream()
}
