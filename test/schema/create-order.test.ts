import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { readJobs } from '../support/queue.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

const CREATE = `mutation ($input: CreateOrderInput!) {
  createOrder(input: $input) {
    order { id sku qty status version failureReason events { type } movements { id } inventoryItem { available } }
    userErrors { code message field }
  }
}`

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  await seed(server.app).item({ sku: 'BOLT', available: 1_000 })
  await seed(server.app).item({ sku: 'NUT', available: 1_000 })
})
afterAll(() => server.close())

const create = (input: object) => execute(server, CREATE, { input })

async function countOrders(): Promise<number> {
  const { rows } = await server.app.pool.query('select count(*)::int as count from orders')
  return rows[0].count
}

it('takes an order at once and leaves the stock to the background', async () => {
  const { data, errors } = await create({ sku: 'BOLT', qty: 3 })
  expect(errors).toBeUndefined()
  expect(data.createOrder).toEqual({
    order: {
      id: expect.stringMatching(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/),
      sku: 'BOLT',
      qty: 3,
      status: 'PENDING',
      version: 1,
      failureReason: null,
      events: [{ type: 'OrderCreated' }],
      movements: [],
      inventoryItem: { available: 1_000 },
    },
    userErrors: [],
  })
  expect(await readJobs(server.app.pool, { orderIds: [data.createOrder.order.id] })).toHaveLength(1)
})

it.each([1, 1_000_000])('takes a quantity of %i', async (qty) => {
  const { data } = await create({ sku: 'NUT', qty })
  expect(data.createOrder).toMatchObject({ order: { qty }, userErrors: [] })
})

describe('refuses, and orders nothing', () => {
  it.each([0, -1, 1_000_001, 2_147_483_647, -2_147_483_648])('a quantity of %i', async (qty) => {
    const before = await countOrders()
    const { data } = await create({ sku: 'BOLT', qty })
    expect(data.createOrder).toEqual({
      order: null,
      userErrors: [{ code: 'INVALID_QTY', message: 'qty must be 1 to 1000000', field: ['input', 'qty'] }],
    })
    expect(await countOrders()).toBe(before)
  })

  it.each([
    ['nobody has', 'NO-SUCH'],
    ['is empty', ''],
    ['holds a zero byte', 'BO\u0000LT'],
    ['is 10 kB long', 'S'.repeat(10_000)],
    ['is an emoji', '📦'],
    ['is SQL', "BOLT' or '1'='1"],
    ['ends a statement', "'; drop table orders; --"],
    ['has a line break at its end', 'BOLT\n'],
    ['has a space before it', ' BOLT'],
    ['differs by case', 'bolt'],
    ['is half a surrogate pair', '\ud83d'],
  ])('a SKU that %s', async (_name, sku) => {
    const before = await countOrders()
    const { data } = await create({ sku, qty: 1 })
    expect(data.createOrder).toMatchObject({
      order: null,
      userErrors: [{ code: 'UNKNOWN_SKU', field: ['input', 'sku'] }],
    })
    expect(data.createOrder.userErrors[0].message.length).toBeLessThan(500)
    expect(await countOrders()).toBe(before)
  })

  it.each([
    ['2147483648', '2147483648'],
    ['-2147483649', '-2147483649'],
    ['1e400', '1e400'],
    ['1.5', '1.5'],
    ['a string', '"1"'],
    ['a boolean', 'true'],
    ['a list', '[1]'],
  ])('a quantity that is no Int: %s, in the document and in a variable', async (_name, qty) => {
    const before = await countOrders()
    const inDocument = `mutation { createOrder(input: { sku: "BOLT", qty: ${qty} }) { order { id } } }`
    const variables = `{"input":{"sku":"BOLT","qty":${qty}}}`
    for (const body of [
      JSON.stringify({ query: inDocument }),
      `{"query":${JSON.stringify(CREATE)},"variables":${variables}}`,
    ]) {
      const { errors, data } = await post(body)
      expect(errors).toHaveLength(1)
      expect(errors[0].message).toMatch(/Int|qty/)
      expect(data ?? null).toBeNull()
    }
    expect(await countOrders()).toBe(before)
  })

  it.each([
    ['a line without a quantity', { lines: [{ sku: 'BOLT' }] }],
    ['no line for a line', { lines: [null] }],
    ['a number as SKU', { sku: 5, qty: 1 }],
    ['a field too many', { sku: 'BOLT', qty: 1, price: 3 }],
    [
      'a list',
      [
        { sku: 'BOLT', qty: 1 },
        { sku: 'NUT', qty: 1 },
      ],
    ],
  ])('an input with %s', async (_name, input) => {
    const before = await countOrders()
    const { errors, data } = await create(input)
    expect(errors).toHaveLength(1)
    expect(data ?? null).toBeNull()
    expect(await countOrders()).toBe(before)
  })
})

describe('of lines', () => {
  const LINES = `mutation ($input: CreateOrderInput!) {
    createOrder(input: $input) {
      order { sku qty reference lines { sku qty reserved waiting shipped cancelled returned } }
      userErrors { code field }
    }
  }`
  const place = async (input: object) => (await execute(server, LINES, { input })).data.createOrder
  const line = (sku: string, qty = 1) => ({ sku, qty })
  const many = (count: number) => Array.from({ length: count }, (_, index) => line(`SKU-${index}`))

  it('takes them in their order, with locations and a reference; the first is what the order shows as its own', async () => {
    const lines = [line('NUT', 3), line('BOLT', 2)]
    const { order, userErrors } = await place({ lines, locations: ['MAIN'], reference: 'web 4711' })
    expect(userErrors).toEqual([])
    const rest = { reserved: 0, shipped: 0, cancelled: 0, returned: 0 }
    expect(order).toEqual({
      sku: 'NUT',
      qty: 3,
      reference: 'web 4711',
      lines: [
        { sku: 'NUT', qty: 3, waiting: 3, ...rest },
        { sku: 'BOLT', qty: 2, waiting: 2, ...rest },
      ],
    })
  })

  it.each<[string, object, [code: string, path: string][]]>([
    ['no lines', { lines: [] }, [['INVALID_LINES', 'lines']]],
    ['101 lines', { lines: many(101) }, [['INVALID_LINES', 'lines']]],
    ['neither lines nor a SKU', {}, [['INVALID_LINES', 'lines']]],
    ['no SKU', { qty: 1 }, [['INVALID_LINES', 'lines']]],
    ['no quantity', { sku: 'BOLT' }, [['INVALID_LINES', 'lines']]],
    ['null for a quantity', { sku: 'BOLT', qty: null }, [['INVALID_LINES', 'lines']]],
    ['both lines and a SKU', { ...line('BOLT'), lines: [line('NUT')] }, [['INVALID_LINES', 'lines']]],
    [
      'the same SKU twice',
      { lines: [line('BOLT'), line('NUT'), line('BOLT')] },
      [['DUPLICATE_SKU', 'lines.2.sku']],
    ],
    ['nothing of a SKU', { lines: [line('BOLT'), line('NUT', 0)] }, [['INVALID_QTY', 'lines.1.qty']]],
    ['1,000,001 of a SKU', { lines: [line('BOLT', 1_000_001)] }, [['INVALID_QTY', 'lines.0.qty']]],
    [
      'unknown SKUs among known ones',
      { lines: [line('BOLT'), line('NOPE'), line('NUT'), line('NEITHER')] },
      [
        ['UNKNOWN_SKU', 'lines.1.sku'],
        ['UNKNOWN_SKU', 'lines.3.sku'],
      ],
    ],
    ['what can be no SKU', { lines: [line('BOLT'), line('nul\0')] }, [['UNKNOWN_SKU', 'lines.1.sku']]],
    [
      'an unknown location and an inactive one',
      { ...line('BOLT'), locations: ['MAIN', 'NOWHERE', 'CLOSED'] },
      [
        ['UNKNOWN_LOCATION', 'locations.1'],
        ['UNKNOWN_LOCATION', 'locations.2'],
      ],
    ],
    [
      'what can be no SKU, among unknown ones',
      { lines: [line('NOPE'), line('BOLT'), line('nul\0'), line('a b')] },
      [
        ['UNKNOWN_SKU', 'lines.0.sku'],
        ['UNKNOWN_SKU', 'lines.2.sku'],
        ['UNKNOWN_SKU', 'lines.3.sku'],
      ],
    ],
    [
      'what can be no location, among unknown ones',
      { ...line('BOLT'), locations: ['a,b', 'MAIN', 'NOWHERE', 'nul\0'] },
      [
        ['UNKNOWN_LOCATION', 'locations.0'],
        ['UNKNOWN_LOCATION', 'locations.2'],
        ['UNKNOWN_LOCATION', 'locations.3'],
      ],
    ],
    [
      '101 locations',
      { ...line('BOLT'), locations: Array.from({ length: 101 }, (_, index) => `PLACE-${index}`) },
      [['UNKNOWN_LOCATION', 'locations']],
    ],
    ['no location at all', { ...line('BOLT'), locations: [] }, [['UNKNOWN_LOCATION', 'locations']]],
  ])('refuses %s, orders nothing and uses up no key', async (name, input, expected) => {
    await seed(server.app).location('CLOSED', { isActive: false })
    const before = await countOrders()
    const idempotencyKey = `of lines: ${name}`
    const { order, userErrors } = await place({ ...input, idempotencyKey })
    expect(order).toBeNull()
    // biome-ignore lint/suspicious/noExplicitAny: an answer
    expect(userErrors.map(({ code, field }: any) => [code, field.slice(1).join('.')])).toEqual(expected)
    expect(await countOrders()).toBe(before)
    expect((await place({ lines: [line('BOLT')], idempotencyKey })).userErrors).toEqual([])
  })

  it('is the same order under a key as in the form of one line, and no other', async () => {
    const idempotencyKey = 'short or long'
    const create = (input: object) => execute(server, CREATE, { input: { ...input, idempotencyKey } })
    const short = (await create(line('BOLT', 2))).data.createOrder.order
    expect((await create({ lines: [line('BOLT', 2)] })).data.createOrder.order.id).toBe(short.id)
    for (const other of [{ reference: 'x' }, { locations: ['MAIN'] }]) {
      const { data } = await create({ ...line('BOLT', 2), ...other })
      expect(data.createOrder.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }])
    }
  })

  it.each(['', ' ', 'line\nbreak', 'x'.repeat(201)])(
    'refuses the reference %j with a code',
    async (reference) => {
      expect(codesOf(await execute(server, LINES, { input: { ...line('BOLT'), reference } }))).toEqual([
        'BAD_USER_INPUT',
      ])
    },
  )
})

describe('under an idempotency key', () => {
  it('answers a repeat with the same order in its current state', async () => {
    const input = { sku: 'BOLT', qty: 2, idempotencyKey: 'repeat' }
    const first = (await create(input)).data.createOrder.order
    await reserveOrders(server.app, [first.id])
    const repeat = (await create(input)).data.createOrder
    expect(repeat).toMatchObject({ order: { id: first.id, status: 'RESERVED', version: 2 }, userErrors: [] })
  })

  it('makes one order of 20 requests that arrive at once', async () => {
    const before = await countOrders()
    const input = { sku: 'BOLT', qty: 4, idempotencyKey: 'at-once' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(input)))
    expect(answers.map(({ data }) => data.createOrder.userErrors)).toEqual(answers.map(() => []))
    expect(new Set(answers.map(({ data }) => data.createOrder.order.id)).size).toBe(1)
    expect(await countOrders()).toBe(before + 1)
  })

  it('takes one content of several that arrive at once and refuses the others', async () => {
    const before = await countOrders()
    const contents = Array.from({ length: 20 }, (_, index) => ({ sku: 'BOLT', qty: (index % 4) + 1 }))
    const answers = await Promise.all(
      contents.map((input) => create({ ...input, idempotencyKey: 'contested' })),
    )
    const results = answers.map(({ data }) => data.createOrder)
    const taken = results.filter(({ order }) => order)
    expect(taken).toHaveLength(5)
    expect(new Set(taken.map(({ order }) => order.id)).size).toBe(1)
    for (const { order, userErrors } of results) {
      const codes = userErrors.map(({ code }: { code: string }) => code)
      expect(codes).toEqual(order ? [] : ['IDEMPOTENCY_KEY_REUSED'])
    }
    expect(await countOrders()).toBe(before + 1)
  })

  it.each([
    ['quantity', { sku: 'BOLT', qty: 2 }],
    ['SKU', { sku: 'NUT', qty: 1 }],
  ])('refuses another %s', async (name, other) => {
    const idempotencyKey = `reused for another ${name}`
    await create({ sku: 'BOLT', qty: 1, idempotencyKey })
    const before = await countOrders()
    const { data } = await create({ ...other, idempotencyKey })
    expect(data.createOrder).toMatchObject({
      order: null,
      userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] }],
    })
    expect(await countOrders()).toBe(before)
  })

  it.each([
    ['an unknown SKU', { sku: 'NO-SUCH', qty: 1 }],
    ['an impossible SKU', { sku: '\u0000', qty: 1 }],
    ['an invalid quantity', { sku: 'BOLT', qty: 0 }],
  ])('does not use up the key of a call that it refuses for %s', async (name, refused) => {
    const idempotencyKey = `survives ${name}`
    expect((await create({ ...refused, idempotencyKey })).data.createOrder.order).toBeNull()
    const { data } = await create({ sku: 'BOLT', qty: 9, idempotencyKey })
    expect(data.createOrder).toMatchObject({ order: { qty: 9 }, userErrors: [] })
  })

  it('makes an order of each request without one, null or left out', async () => {
    const inputs = [{}, {}, { idempotencyKey: null }, { idempotencyKey: null }]
    const answers = await Promise.all(inputs.map((key) => create({ sku: 'NUT', qty: 1, ...key })))
    expect(new Set(answers.map(({ data }) => data.createOrder.order.id)).size).toBe(4)
  })

  it.each([
    ['empty', ''],
    ['longer than 255', 'k'.repeat(256)],
    ['a zero byte', 'a\u0000b'],
    ['not ASCII', 'ключ'],
    ['padded', ' key '],
  ])('refuses a key that is %s with a code, and takes the longest', async (_name, idempotencyKey) => {
    const answer = await create({ sku: 'BOLT', qty: 1, idempotencyKey })
    expect(codesOf(answer)).toEqual(['BAD_USER_INPUT'])
    const longest = await create({ sku: 'BOLT', qty: 1, idempotencyKey: 'k'.repeat(255) })
    expect(longest.data.createOrder.userErrors).toEqual([])
  })
})

async function post(body: string) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/graphql`, { method: 'POST', headers, body })
  return JSON.parse(await response.text())
}
