import { once } from 'node:events'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import {
  codesOf,
  connectByWebSocket,
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
const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

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
  const options = await call({ method: 'OPTIONS' })
  expect(options).toMatchObject({ status: 405, type: JSON_TYPE_ANSWERED })
  expect(JSON.parse(options.text)).toEqual(refusal('METHOD_NOT_ALLOWED'))
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

describe('GraphiQL', () => {
  it('is served to a browser, with tabs to try', async () => {
    const { status, type, text } = await call({ headers: BROWSER })
    expect(status).toBe(200)
    expect(type).toMatch(/^text\/html/)
    expect(text).toContain('<title>Holdfast</title>')
    expect(text).toContain('orderStatusChanged(id: $id)')
  })

  it('works offline: it loads nothing from another address', async () => {
    const { text } = await call({ headers: BROWSER })
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

  it('does not stand in for an answer to a program', async () => {
    for (const headers of [{ accept: 'application/json' }, { accept: '*/*' }]) {
      expect((await call({ headers })).type).toMatch(/^application\/json/)
    }
  })
})

describe('over WebSocket', () => {
  it('answers a query, and refuses a mutation', async () => {
    const before = await available()
    const client = connectByWebSocket(server)
    const refused = await client.subscribe(MUTATION).next()
    expect(refused).toEqual({
      errors: [expect.objectContaining({ message: expect.stringMatching(/mutation/) })],
    })
    expect(await client.subscribe(QUERY).next()).toEqual({ data: { inventoryItem: { available: before } } })
    await client.dispose()
  })

  it.each(['{ orders(', '{ nope }', ''])(
    'refuses the document %j and goes on with the others',
    async (query) => {
      const { id } = await seed(server.app).order({ sku: 'BOLT' })
      const client = connectByWebSocket(server)
      const watch = client.subscribe('subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }', {
        id,
      })
      expect((await watch.next())?.data.orderStatusChanged.version).toBe(1)
      const refused = await client.subscribe(query).next()
      expect(refused?.errors).toHaveLength(1)
      expect(codesOf(refused!)[0]).toMatch(/^GRAPHQL_/)
      await server.app.pool.query(
        "update orders set status = 'FAILED', failure_reason = 'INTERNAL_ERROR', version = 2 where id = $1",
        [id],
      )
      await server.app.pool.query('select pg_notify($1, $2)', ['holdfast_orders', notice(id, 2)])
      expect((await watch.next())?.data.orderStatusChanged.version).toBe(2)
      expect(await watch.next()).toBeUndefined()
      await client.dispose()
    },
  )

  it('closes a connection that sends more than 100 kB at once', async () => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    socket.send(JSON.stringify({ type: 'connection_init', payload: { x: 'x'.repeat(100_001) } }))
    expect((await once(socket, 'close'))[0]).toBe(1009)
  })

  it.each([
    ['http://evil.test', false],
    ['null', false],
    ['', false],
    ['its own', true],
  ])('for the page %s: connects %s', async (page, connects) => {
    const origin = page === 'its own' ? server.url : page
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', {
      headers: { origin },
    })
    const outcome = await new Promise((resolve) => {
      socket.once('open', () => resolve(true))
      socket.once('error', () => resolve(false))
    })
    expect(outcome).toBe(connects)
    socket.terminate()
  })

  it.each(['//', '/other', 'http://[', '*'])(
    'refuses an upgrade of %j, and survives who hangs up on it',
    async (path) => {
      const head = `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`
      const polite = connect(Number(new URL(server.url).port), '127.0.0.1')
      polite.write(head)
      const [answer] = await once(polite, 'data')
      expect(String(answer)).toMatch(/^HTTP\/1\.1 40[04] /)
      polite.destroy()
      for (let times = 0; times < 20; times++) {
        const rude = connect(Number(new URL(server.url).port), '127.0.0.1')
        await once(rude, 'connect')
        rude.write(head, () => rude.resetAndDestroy())
        await once(rude, 'close')
      }
      expect(await available()).toBeGreaterThan(0)
    },
  )
})

/** A result that says that a call was refused. */
function refusal(code: string) {
  return { errors: [{ message: expect.stringMatching(/./), extensions: { code } }] }
}

/** As the application tells watchers that an order reached a version. */
function notice(id: string, version: number): string {
  return `${Buffer.from(id.replaceAll('-', ''), 'hex').toString('base64url')}:${version.toString(36)}`
}

function part(name: string, value: string): string {
  return `--x\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n--x--\r\n`
}

/** A body without a length in advance. */
function chunked(text: string): ReadableStream {
  return new Blob([text]).stream()
}
