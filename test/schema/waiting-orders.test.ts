import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../../src/cursor.ts'
import { codesOf, execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { expireHold } from '../support/holds.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'

let server: RolesServer
/** Those that wait for SCARCE, oldest first: of Alice, Bob, nobody, Alice, Bob. */
const waiting: string[] = []
const QTYS = [3, 1, 2, 5, 4]

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  for (const sku of ['SCARCE', 'OTHER', 'CALM']) await seed(app).item({ sku })
  await seed(app).item({ sku: 'PLENTY', available: 100 })
  const customers = ['alice', 'bob', null, 'alice', 'bob']
  for (const [index, customerId] of customers.entries()) {
    const ifShort = index % 2 === 0 ? 'WAIT' : 'ASK_SUPPLIER'
    const order = await seed(app).order({
      lines: [
        ['SCARCE', QTYS[index]!],
        ['PLENTY', 1],
      ],
      customerId,
      ifShort,
      holdSeconds: index === 0 ? 600 : null,
    })
    waiting.push(order.id)
  }
  const others = [
    await seed(app).order({ sku: 'OTHER', customerId: 'alice', ifShort: 'WAIT' }),
    await seed(app).order({ sku: 'SCARCE', customerId: 'alice', ifShort: 'FAIL' }),
    await seed(app).order({ sku: 'PLENTY', customerId: 'alice', ifShort: 'WAIT' }),
  ]
  await reserveOrders(app, [...waiting, ...others.map(({ id }) => id)])
  // nobody has looked at it yet
  await seed(app).order({ sku: 'SCARCE', customerId: 'alice' })
})
afterAll(() => server.close())

const LIST = `query ($sku: String!, $first: Int, $after: String) {
  waitingOrders(sku: $sku, first: $first, after: $after) {
    edges { cursor node { id customerId lines { sku waiting } } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}`

async function list(who: string, variables: object) {
  const { data, errors } = await execute(server.as(who), LIST, { sku: 'SCARCE', ...variables })
  expect(errors).toBeUndefined()
  const { edges, pageInfo } = data.waitingOrders
  return {
    ids: edges.map(({ node }: { node: { id: string } }) => node.id) as string[],
    cursors: edges.map(({ cursor }: { cursor: string }) => cursor) as string[],
    pageInfo,
  }
}

describe('waitingOrders', () => {
  it('lists who waits for a SKU, oldest first, page by page', async () => {
    for (const who of ['service', 'operator']) expect((await list(who, {})).ids).toEqual(waiting)
    const first = await list('operator', { first: 2 })
    expect(first.ids).toEqual(waiting.slice(0, 2))
    expect(first.pageInfo).toMatchObject({ hasNextPage: true, hasPreviousPage: false })
    const rest = await list('operator', { first: 3, after: first.pageInfo.endCursor })
    expect(rest.ids).toEqual(waiting.slice(2))
    expect(rest.pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: true })
    const none = await list('operator', { after: rest.pageInfo.endCursor })
    expect(none).toMatchObject({ ids: [], pageInfo: { startCursor: null, endCursor: null } })
    expect((await list('operator', { first: 0 })).ids).toEqual([])
  })

  it('shows a customer its own, and nothing of how many wait before', async () => {
    const mine = [waiting[0], waiting[3]]
    const { ids, cursors, pageInfo } = await list('customer', {})
    expect(ids).toEqual(mine)
    expect(pageInfo).toMatchObject({ hasNextPage: false, hasPreviousPage: false })
    const page = await list('customer', { first: 1 })
    expect(page.ids).toEqual(mine.slice(0, 1))
    expect((await list('customer', { first: 1, after: cursors[0] })).ids).toEqual(mine.slice(1))
  })

  it.each(['CALM', 'UNKNOWN', '', 'a b', '\0', 'x'.repeat(10_000)])('is empty for %j', async (sku) => {
    expect((await list('operator', { sku })).ids).toEqual([])
  })

  it('takes only its own cursors, and pages as all lists do', async () => {
    const refuse = async (variables: object) =>
      codesOf(await execute(server.as('operator'), LIST, { sku: 'SCARCE', ...variables }))
    const cursor = (await list('operator', {})).cursors[0]!
    expect(await refuse({ sku: 'OTHER', after: cursor })).toEqual(['BAD_USER_INPUT'])
    expect(await refuse({ after: encodeCursor('orders', waiting[0]!) })).toEqual(['BAD_USER_INPUT'])
    expect(await refuse({ after: encodeCursor('waitingOrders:SCARCE', 'x') })).toEqual(['BAD_USER_INPUT'])
    expect(await refuse({ first: 101 })).toEqual(['BAD_USER_INPUT'])
    expect(await refuse({ first: -1 })).toEqual(['BAD_USER_INPUT'])
  })
})

describe('backordered', () => {
  it('is what orders wait for', async () => {
    const query = '{ inventoryItems { edges { node { sku backordered } } } }'
    const { data } = await execute(server.as('service'), query)
    const backordered = data.inventoryItems.edges.map(({ node }: { node: object }) => node)
    expect(backordered).toEqual([
      { sku: 'CALM', backordered: 0 },
      { sku: 'OTHER', backordered: 1 },
      // of those that wait for all of it
      { sku: 'PLENTY', backordered: 3 },
      { sku: 'SCARCE', backordered: QTYS.reduce((sum, qty) => sum + qty, 0) },
    ])
  })

  it('is nothing that a customer sees', async () => {
    for (const query of [
      '{ inventoryItem(sku: "SCARCE") { backordered } }',
      '{ node(id: "item:SCARCE") { ... on InventoryItem { backordered } } }',
      '{ orders { edges { node { lines { inventoryItem { backordered } } } } } }',
    ]) {
      const answer = await execute(server.as('customer'), query)
      expect(codesOf(answer)[0]).toBe('FORBIDDEN')
      expect(answer.text).not.toContain('"backordered":')
      expect((await execute(server.as('service'), query)).errors).toBeUndefined()
    }
  })
})

describe('orders(filter: { isHold })', () => {
  const ids = async (filter: string, who = 'operator', page = 'first: 100') => {
    const query = `{ orders(${page}, filter: ${filter}) { edges { node { id expiresAt } } } }`
    const { data, errors } = await execute(server.as(who), query)
    expect(errors).toBeUndefined()
    return data.orders.edges.map(({ node }: { node: { id: string } }) => node.id) as string[]
  }

  it('finds holds or firm orders, with every other filter', async () => {
    const { app } = server.testApp
    const numbered = await execute(
      server.as('service'),
      `mutation { createOrder(input: { sku: "PLENTY", qty: 1, holdSeconds: 600, reference: "web 1", customerId: "bob" }) { order { id } } }`,
    )
    const bobs: string = numbered.data.createOrder.order.id
    const expired = (await seed(app).order({ sku: 'PLENTY', customerId: 'alice', holdSeconds: 600 })).id
    await expireHold(app, expired)
    const alices = waiting[0]!
    const all = await ids('{}')
    expect(await ids('{ isHold: true }')).toEqual([expired, bobs, alices])
    expect(await ids('{ isHold: false }')).toEqual(all.filter((id) => ![expired, bobs, alices].includes(id)))
    expect(await ids('{ isHold: null }')).toEqual(all)
    expect(await ids('{ isHold: true }', 'operator', 'first: 2')).toEqual([expired, bobs])
    expect(await ids('{ isHold: true }', 'operator', 'last: 2')).toEqual([bobs, alices])
    expect(await ids('{ isHold: true }', 'customer')).toEqual([expired, alices])
    for (const [filter, expected] of [
      ['status: EXPIRED', [expired]],
      ['status: PENDING', [bobs]],
      ['status: AWAITING_RESTOCK', [alices]],
      ['status: RESERVED', []],
      ['sku: "SCARCE"', [alices]],
      ['sku: "PLENTY"', [expired, bobs, alices]],
      ['sku: "PLENTY", status: PENDING', [bobs]],
      ['sku: "PLENTY", status: EXPIRED', [expired]],
      ['customerId: "bob"', [bobs]],
      ['customerId: "alice", sku: "SCARCE"', [alices]],
      ['reference: "web 1"', [bobs]],
    ] as const) {
      expect(await ids(`{ isHold: true, ${filter} }`), filter).toEqual(expected)
      const others = (await ids(`{ ${filter} }`)).filter(
        (id) => !(expected as readonly string[]).includes(id),
      )
      expect(await ids(`{ isHold: false, ${filter} }`), filter).toEqual(others)
    }
  })
})
