import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import WebSocket from 'ws'
import { serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 10 })
})
afterAll(() => server.close())

const MUTATION =
  'mutation ($customer: String) { createOrder(input: { sku: "BOLT", qty: 1, customerId: $customer }) { order { customerId } } }'
const graphqlBody = (customer: string) => JSON.stringify({ query: MUTATION, variables: { customer } })
const restBody = (customer: string) => JSON.stringify({ sku: 'BOLT', qty: 1, customer_id: customer })

/** Every call that brings a body: its path, what it accepts, and how it orders for a customer. */
const CALLS = [
  ['GraphQL', '/graphql', 'application/json', graphqlBody],
  ['GraphQL that asks for a stream', '/graphql', 'text/event-stream', graphqlBody],
  ['GraphQL that asks for parts', '/graphql', 'multipart/mixed', graphqlBody],
  ['REST', '/api/order', 'application/json', restBody],
] as const

async function countOrders(): Promise<number> {
  return server.app.prisma.order.count()
}

describe.each(CALLS)('%s', (_name, path, accept, toBody) => {
  const post = async (body: Uint8Array | string, headers: Record<string, string> = {}) => {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept, ...headers },
      body: body as BodyInit,
    })
    const text = await response.text()
    return { status: response.status, headers: response.headers, text }
  }

  it.each([
    'application/json; charset="utf-8"',
    'application/json;charset=UTF-8',
    'application/json; charset=UTF8',
    'application/json ; charset=utf-8 ; profile="x;y"',
    'Application/JSON; odata=verbose; CHARSET="\\utf-8"',
    'application/json;',
  ])('reads %s', async (type) => {
    const before = await countOrders()
    expect((await post(toBody('ada'), { 'content-type': type })).status).toBeOneOf([200, 201])
    expect(await countOrders()).toBe(before + 1)
  })

  it.each([
    'application/json; charset=utf-16',
    'application/json; charset="iso-8859-1"',
    'application/json; profile=x; charset=latin1',
    'application/json; charset=',
    'application/jsonp',
    'application/problem+json',
    'text/json',
    'text/plain; x=application/json',
  ])('refuses %s with 415', async (type) => {
    const before = await countOrders()
    const { status, text } = await post(toBody('ada'), { 'content-type': type })
    expect(status).toBe(415)
    expect(text).toContain('"UNSUPPORTED_MEDIA_TYPE"')
    expect(await countOrders()).toBe(before)
  })

  it.each(['gzip', 'br', 'GZIP', 'identity, gzip', 'nonsense'])(
    'refuses the coding %s with 415',
    async (coding) => {
      const { status, headers, text } = await post(toBody('ada'), { 'content-encoding': coding })
      expect({ status, accepts: headers.get('accept-encoding') }).toEqual({
        status: 415,
        accepts: 'identity',
      })
      expect(text).toContain('content coding')
    },
  )

  it('reads a body that says that it has no coding', async () => {
    expect((await post(toBody('ada'), { 'content-encoding': 'identity' })).status).toBeOneOf([200, 201])
  })

  it('reads a body that begins with a byte order mark', async () => {
    const before = await countOrders()
    expect((await post(`\ufeff${toBody('ada')}`)).status).toBeOneOf([200, 201])
    expect(await countOrders()).toBe(before + 1)
  })

  it.each([
    ['a byte of Latin-1', [0xe4]],
    ['half a character', [0xc3]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['an overlong slash', [0xc0, 0xaf]],
  ])('refuses %s: of two customers it would make one', async (_name, bytes) => {
    const before = await countOrders()
    const [head, tail] = toBody('M?ller').split('?')
    const { status, text } = await post(
      Buffer.concat([Buffer.from(head!), Buffer.from(bytes), Buffer.from(tail!)]),
    )
    expect(status).toBe(400)
    expect(text).toContain('The body is not UTF-8')
    expect(await countOrders()).toBe(before)
  })
})

it.each(['{inventoryItem(sku:"%ff"){sku}}', '{__typename}&variables={"a":"%c3"}', '{__typename}&%ff=1'])(
  'refuses a query string that is not UTF-8: %s',
  async (query) => {
    for (const accept of ['application/json', 'text/event-stream']) {
      const response = await fetch(`${server.url}/graphql?query=${query}`, { headers: { accept } })
      expect(response.status).toBe(400)
      expect(await response.text()).toContain('The query string is not UTF-8')
    }
  },
)

describe('a message of a WebSocket', () => {
  const send = async (data: string | Buffer, binary: boolean) => {
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws')
    await once(socket, 'open')
    const answered = once(socket, 'message').then(([message]) => JSON.parse(String(message)).type)
    const closed = once(socket, 'close').then(([code]) => code)
    socket.send(data, { binary })
    const outcome = await Promise.race([answered, closed])
    socket.terminate()
    return outcome
  }
  const init = (text: string) => `{"type":"connection_init","payload":{"x":"${text}"}}`
  const broken = Buffer.from(init('M?'))
  broken[broken.indexOf('?')] = 0xe4

  it('is read with a byte order mark, as text or as bytes', async () => {
    expect(await send(`\ufeff${init('x')}`, false)).toBe('connection_ack')
    expect(await send(Buffer.from(`\ufeff${init('x')}`), true)).toBe('connection_ack')
  })

  it('that is not UTF-8 closes it with 1007, as text or as bytes', async () => {
    expect(await send(broken, false)).toBe(1007)
    expect(await send(broken, true)).toBe(1007)
  })
})
