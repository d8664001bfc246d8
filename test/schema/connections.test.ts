import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../../src/cursor.ts'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

let server: TestServer
/** What each connection holds, as its callers are to see it. */
const held: Record<string, string[]> = {}

/** Every connection: its field with `$args` open, where it is in the answer, and what tells its nodes apart. */
const CONNECTIONS = [
  { name: 'orders', field: 'orders($args) { $page }', node: 'id', list: 'orders' },
  {
    name: 'orders of a SKU',
    field: 'orders(filter: { sku: "BUSY" } $args) { $page }',
    node: 'id',
    list: 'orders',
  },
  { name: 'deadLetters', field: 'deadLetters($args) { $page }', node: 'id', list: 'deadLetters' },
  {
    name: 'inventoryItems',
    field: 'inventoryItems($args) { $page }',
    node: 'sku',
    list: 'inventoryItems',
  },
  {
    name: 'movements',
    field: 'movements(sku: "BUSY" $args) { $page }',
    node: 'id',
    list: 'movements:BUSY',
  },
  {
    name: 'movements of an item',
    field: 'inventoryItem(sku: "BUSY") { movements($args) { $page } }',
    node: 'id',
    list: 'movements:BUSY',
  },
]

beforeAll(async () => {
  server = await serveTestApp()
  for (let index = 10; index < 27; index++)
    await seed(server.app).item({ sku: `ITEM-${index}`, available: 1 })
  await seed(server.app).item({ sku: 'BUSY', available: 100 })
  const busy: string[] = []
  const all: string[] = []
  for (let index = 0; index < 23; index++) {
    const { id } = await seed(server.app).order({ sku: 'BUSY' })
    await reserveOrders(server.app, [id])
    busy.unshift(id)
    all.unshift(id)
    // movements and orders of others lie between
    const other = await seed(server.app).order({ sku: 'ITEM-10' })
    if (index === 0) await reserveOrders(server.app, [other.id])
    all.unshift(other.id)
  }
  const { rows } = await server.app.pool.query(
    "select id from inventory_movements where sku = 'BUSY' order by id desc",
  )
  const movements = rows.map(({ id }) => String(id))
  const letters = Array.from({ length: 23 }, () => uuidv7())
  await server.app.pool.query(
    `insert into dead_letters (id, order_id, task, payload, error, attempts, created_at)
    select id, $2, 'reserve-inventory', '{}', 'broken', 8, now() from unnest($1::uuid[]) as id`,
    [letters, busy[0]],
  )
  held.orders = all
  held.deadLetters = letters.toReversed()
  held['orders of a SKU'] = busy
  held.inventoryItems = ['BUSY', ...Array.from({ length: 17 }, (_, index) => `ITEM-${index + 10}`)]
  held.movements = movements
  held['movements of an item'] = movements
})
afterAll(() => server.close())

describe.each(CONNECTIONS)('$name', ({ name, field, node, list }) => {
  const page = `edges { cursor node { ${node} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }`
  const ask = async (args: object) => {
    const text = Object.entries(args)
      .map(([key, value]) => `${key}: ${JSON.stringify(value)}`)
      .join(' ')
    const filled = field.replace('$args', text).replace('()', '').replace('$page', page)
    return execute(server, `{ ${filled} }`)
  }
  const read = async (args: object) => {
    const { data, errors } = await ask(args)
    expect(errors).toBeUndefined()
    const { edges, pageInfo } = Object.values(data.inventoryItem ?? data)[0] as Connection
    return {
      nodes: edges.map((edge) => edge.node[node]!),
      cursors: edges.map(({ cursor }) => cursor),
      pageInfo,
    }
  }

  it('gives each once, in order, when walked forwards', async () => {
    const seen: string[] = []
    let after: string | null = null
    for (let isFirst = true; ; isFirst = false) {
      const { nodes, pageInfo, cursors } = await read({ first: 7, after })
      seen.push(...nodes)
      expect(pageInfo).toMatchObject({
        hasPreviousPage: !isFirst,
        startCursor: cursors[0],
        endCursor: cursors.at(-1),
      })
      after = pageInfo.endCursor
      if (!pageInfo.hasNextPage) break
      expect(nodes).toHaveLength(7)
    }
    expect(seen).toEqual(held[name])
  })

  it('gives each once, in order, when walked backwards', async () => {
    const seen: string[] = []
    let before: string | null = null
    for (let isFirst = true; ; isFirst = false) {
      const { nodes, pageInfo } = await read({ last: 7, before })
      seen.unshift(...nodes)
      expect(pageInfo.hasNextPage).toBe(!isFirst)
      before = pageInfo.startCursor
      if (!pageInfo.hasPreviousPage) break
      expect(nodes).toHaveLength(7)
    }
    expect(seen).toEqual(held[name])
  })

  it('gives 20 where no size is asked for, 100 at most, and 0 when asked', async () => {
    expect((await read({})).nodes).toEqual(held[name]!.slice(0, 20))
    expect((await read({ first: 100 })).nodes).toEqual(held[name])
    expect((await read({ last: 100 })).nodes).toEqual(held[name])
    expect((await read({ first: 0 })).nodes).toEqual([])
    expect((await read({ last: 0 })).nodes).toEqual([])
  })

  it('says that nothing is on a page behind the last', async () => {
    const { nodes, pageInfo } = await read({ first: 5, after: encodeCursor(list, held[name]!.at(-1)!) })
    expect(nodes).toEqual([])
    expect(pageInfo).toEqual({
      hasNextPage: false,
      hasPreviousPage: true,
      startCursor: null,
      endCursor: null,
    })
  })

  it.each([
    { first: 101 },
    { last: 101 },
    { first: -1 },
    { last: -1 },
    { first: 2_147_483_647 },
    { last: -2_147_483_648 },
    { first: 5, last: 5 },
    { first: 0, last: 0 },
  ])('refuses %j by an error with a code', async (args) => {
    expect(codesOf(await ask(args))).toEqual(['BAD_USER_INPUT'])
  })

  it.each([
    ['is not base64', '§§'],
    ['is empty', ''],
    ['says nothing', 'xx'],
    ['is 10 kB long', 'A'.repeat(10_000)],
    ['is another kind of cursor', Buffer.from('OffsetConnection:5').toString('base64')],
    ['is of an earlier version', Buffer.from(`GPC:S:${uuidv7()}`).toString('base64')],
    ['has no key', encodeCursor(list, '')],
    ['has a key with a zero byte', encodeCursor(list, '\u0000')],
    ['has a key of odd characters', encodeCursor(list, "' or 1=1")],
    ['has a key beyond 64 bits', encodeCursor('movements:BUSY', '9223372036854775808')],
    ['has no name of a list', Buffer.from(uuidv7()).toString('base64url')],
    ['is padded', `${encodeCursor(list, 'x')}==`],
  ])('refuses a cursor that %s by an error with a code', async (_name, cursor) => {
    expect(codesOf(await ask({ first: 3, after: cursor }))).toEqual(['BAD_USER_INPUT'])
    expect(codesOf(await ask({ last: 3, before: cursor }))).toEqual(['BAD_USER_INPUT'])
  })

  it('refuses the cursors of every other list', async () => {
    const others = CONNECTIONS.filter((other) => other.list !== list)
    const keys = others.map((other) => encodeCursor(other.list, held[other.name]![0]!))
    for (const cursor of [...keys, encodeCursor('movements:ITEM-10', '1')]) {
      expect(codesOf(await ask({ first: 3, after: cursor }))).toEqual(['BAD_USER_INPUT'])
      expect(codesOf(await ask({ last: 3, before: cursor }))).toEqual(['BAD_USER_INPUT'])
    }
  })

  it('refuses both directions at once, and says what goes together', async () => {
    const [after, before] = [held[name]!.at(-1)!, held[name]![0]!].map((key) => encodeCursor(list, key))
    for (const args of [
      { after, before },
      { first: 3, after, before },
      { last: 3, after, before },
      { first: 3, before },
      { last: 3, after },
    ]) {
      const { errors } = await ask(args)
      expect(errors).toMatchObject([
        { message: expect.stringContaining('"first" with "after"'), extensions: { code: 'BAD_USER_INPUT' } },
      ])
    }
  })

  it('takes null for what is not given', async () => {
    const { nodes } = await read({ first: null, after: null, last: 3, before: null })
    expect(nodes).toEqual(held[name]!.slice(-3))
  })
})

type Connection = {
  edges: { cursor: string; node: Record<string, string> }[]
  pageInfo: {
    hasNextPage: boolean
    hasPreviousPage: boolean
    startCursor: string | null
    endCursor: string | null
  }
}

describe('the filter of orders', () => {
  const count = async (filter: string) => {
    const { data, errors } = await execute(
      server,
      `{ orders(first: 100 filter: ${filter}) { edges { node { id } } } }`,
    )
    expect(errors).toBeUndefined()
    return data.orders.edges.length
  }

  it('finds by SKU, by status and by both', async () => {
    expect(await count('{ sku: "BUSY" }')).toBe(23)
    expect(await count('{ status: RESERVED }')).toBe(24)
    expect(await count('{ status: PENDING }')).toBe(22)
    expect(await count('{ sku: "BUSY", status: PENDING }')).toBe(0)
    expect(await count('{ sku: "ITEM-10", status: RESERVED }')).toBe(1)
  })

  it.each(['{}', 'null', '{ sku: null, status: null }'])('finds all by %s', async (filter) => {
    expect(await count(filter)).toBe(46)
  })

  it.each(['NO-SUCH', '', '\u0000', '📦', "' or 1=1 --", 'S'.repeat(10_000)])(
    'finds nothing by the SKU %j',
    async (sku) => {
      expect(await count(`{ sku: ${JSON.stringify(sku)} }`)).toBe(0)
    },
  )

  it('refuses a status that is none', async () => {
    const answer = await execute(server, '{ orders(filter: { status: SOLD }) { edges { node { id } } } }')
    expect(codesOf(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED'])
  })
})

it('does not shift a page when an order arrives while its caller is on the way', async () => {
  const query =
    'query ($after: String) { orders(first: 5, after: $after) { edges { node { id } } pageInfo { endCursor } } }'
  const ids = ({ data }: Awaited<ReturnType<typeof execute>>) =>
    data.orders.edges.map((edge: { node: { id: string } }) => edge.node.id)
  const first = await execute(server, query)
  await seed(server.app).order({ sku: 'ITEM-11' })
  const second = await execute(server, query, { after: first.data.orders.pageInfo.endCursor })
  expect([...ids(first), ...ids(second)]).toEqual(held.orders!.slice(0, 10))
})

it('a list by status skips nothing when what was on its first page has moved on', async () => {
  const sku = 'MOVING'
  await seed(server.app).item({ sku, available: 100 })
  const ids: string[] = []
  for (let index = 0; index < 6; index++) ids.unshift((await seed(server.app).order({ sku })).id)
  const page = async (after: string) => {
    const query = `{ orders(first: 3, filter: { sku: "${sku}", status: PENDING }${after}) { edges { cursor node { id } } } }`
    const { data } = await execute(server, query)
    return (data as { orders: { edges: { cursor: string; node: { id: string } }[] } }).orders.edges
  }
  const first = await page('')
  expect(first.map((edge) => edge.node.id)).toEqual(ids.slice(0, 3))
  await reserveOrders(server.app, ids.slice(0, 3))
  const second = await page(`, after: "${first[2]!.cursor}"`)
  expect(second.map((edge) => edge.node.id)).toEqual(ids.slice(3))
})
