import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { encodeCursor } from '../src/cursor.ts'
import { canSee } from '../src/domain/authorisation.ts'
import { type Caller, LOCAL_OPERATOR, ROLES } from '../src/domain/caller.ts'
import type { Order } from '../src/domain/orders/order.ts'
import { visibleTo } from '../src/schema/node.ts'
import { codesOf, execute, subscribeBySse, subscribeByWebSocket } from './support/graphql.ts'
import { seed } from './support/harness.ts'
import { reserveOrders } from './support/reserve-orders.ts'
import { type RolesServer, serveRoles } from './support/roles.ts'
import { authorizationOf } from './support/tokens.ts'

let server: RolesServer
let bobs: Order
let nobodys: Order

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  await seed(app).item({ sku: 'GIZMO', available: 100 })
  await seed(app).item({ sku: 'BOBS', available: 100 })
  // between two of Alice's, so that her cursors could name it
  await seed(app).order({ customerId: 'alice' })
  bobs = await seed(app).order({ sku: 'BOBS', customerId: 'bob' })
  nobodys = await seed(app).order()
  const alices = await seed(app).order({ customerId: 'alice' })
  await reserveOrders(app, [alices.id, bobs.id])
})
afterAll(() => server.close())

/** An answer without the id that was asked for. */
const without = (id: string, answer: unknown) => JSON.stringify(answer).replaceAll(id, 'ID')

describe("another's order", () => {
  const ORDER = 'query ($id: ID!) { order(id: $id) { id sku } }'
  const LIST = `query ($after: String, $before: String, $first: Int, $last: Int, $filter: OrderFilter) {
    orders(after: $after, before: $before, first: $first, last: $last, filter: $filter) {
      edges { node { id customerId } } pageInfo { hasNextPage hasPreviousPage }
    }
  }`
  const WATCH = 'subscription ($id: ID!) { orderStatusChanged(id: $id) { id status } }'
  const unknown = uuidv7()
  const hidden = () => [bobs.id, nobodys.id]

  it('is as one that does not exist, by GraphQL', async () => {
    const expected = await execute(server.as('customer'), ORDER, { id: unknown })
    expect(expected.data).toEqual({ order: null })
    for (const id of hidden()) {
      expect(without(id, await execute(server.as('customer'), ORDER, { id }))).toBe(
        without(unknown, expected),
      )
      expect((await execute(server.as('service'), ORDER, { id })).data.order.id).toBe(id)
      expect((await execute(server.as('operator'), ORDER, { id })).data.order.id).toBe(id)
    }
  })

  it('is as one that does not exist, by REST', async () => {
    const read = async (id: string) => {
      const headers = { authorization: server.authorizations.customer! }
      const answer = await fetch(`${server.url}/api/orders/${id}`, { headers })
      return without(id, { status: answer.status, text: await answer.text() })
    }
    expect(await read(unknown)).toContain('NOT_FOUND')
    for (const id of hidden()) expect(await read(id)).toBe(await read(unknown))
  })

  it.each([
    ['SSE', subscribeBySse],
    ['WebSocket', subscribeByWebSocket],
  ])('is as one that does not exist, by subscription over %s', async (_name, subscribe) => {
    const first = async (id: string) => {
      const subscription = subscribe(server.as('customer'), WATCH, { id })
      const answer = await subscription.next()
      subscription.leave()
      return without(id, answer)
    }
    expect(await first(unknown)).toContain('NOT_FOUND')
    for (const id of hidden()) expect(await first(id)).toBe(await first(unknown))
  })

  it('is in no list, whatever the filter and the page', async () => {
    const ask = async (who: string, variables: object) =>
      (await execute(server.as(who), LIST, variables)).data.orders
    for (const variables of [
      {},
      { first: 1 },
      { last: 2 },
      { filter: { status: 'RESERVED' } },
      { filter: { sku: 'GIZMO' } },
      { filter: { sku: 'GIZMO', status: 'PENDING' } },
    ]) {
      const { edges } = await ask('customer', variables)
      expect(edges.length).toBeGreaterThan(0)
      // biome-ignore lint/suspicious/noExplicitAny: an answer
      for (const { node } of edges as any[]) expect(node.customerId).toBe('alice')
    }
    expect(await ask('customer', { filter: { sku: 'BOBS' } })).toEqual(
      await ask('customer', { filter: { sku: 'UNKNOWN' } }),
    )
    const all = (await ask('operator', { first: 100 })).edges.length
    expect(all).toBeGreaterThan((await ask('customer', { first: 100 })).edges.length)
    expect((await ask('service', { first: 100 })).edges.length).toBe(all)
  })

  it('is as good a cursor as an id that no order has', async () => {
    const cursor = (id: string) => encodeCursor('orders', id)
    // the id right after: no order's, at the same place in the list
    const beside = (id: string) =>
      id.replace(/.$/, (last) => ((Number.parseInt(last, 16) + 1) % 16).toString(16))
    for (const page of [
      (after: string) => ({ first: 5, after }),
      (before: string) => ({ last: 5, before }),
    ]) {
      const answers = [bobs.id, beside(bobs.id)].map((id) =>
        execute(server.as('customer'), LIST, page(cursor(id))),
      )
      const [named, between] = await Promise.all(answers)
      expect(named!.errors).toBeUndefined()
      expect(named!.text).toBe(between!.text)
    }
    const { data } = await execute(server.as('customer'), LIST, { first: 5, after: cursor(bobs.id) })
    expect(data.orders.edges).toHaveLength(1)
  })

  it('does not come back under its idempotency key', async () => {
    const CREATE = `mutation ($input: CreateOrderInput!) {
      createOrder(input: $input) { order { id customerId } userErrors { code } }
    }`
    const place = async (who: string, input: object) =>
      (
        await execute(server.as(who), CREATE, {
          input: { sku: 'GIZMO', qty: 1, idempotencyKey: 'k', ...input },
        })
      ).data.createOrder
    server.authorizations.namesake = await authorizationOf('shop', 'customer')
    const first = await place('service', { customerId: 'bob' })
    expect(first.order.customerId).toBe('bob')
    expect((await place('customer', {})).order).toMatchObject({ customerId: 'alice' })
    expect((await place('service', { customerId: 'bob' })).order.id).toBe(first.order.id)
    // for another customer it is another order
    expect((await place('service', {})).userErrors).toEqual([{ code: 'IDEMPOTENCY_KEY_REUSED' }])
    // a customer of the service's own name has its keys, and not its sight
    expect((await place('namesake', {})).order).toBeNull()
  })
})

describe('what was changed of an order', () => {
  const HISTORY = `query ($id: ID!) { order(id: $id) {
    status events { type actor note }
    lines { sku reserved waiting allocations { qty location { code } } }
    shipments { id location { code } lines { qty } } movements { type delta reservedDelta location { code } }
    inventoryItem { available availableToPromise }
  } }`
  const CANCEL = `mutation ($id: ID!, $note: String) {
    cancelOrder(input: { id: $id, note: $note }) { order { status } userErrors { code } }
  }`

  it('is its customer to see, and who did it and why is not', async () => {
    const { id } = await seed(server.testApp.app).order({ qty: 2, customerId: 'alice' })
    await reserveOrders(server.testApp.app, [id])
    const ship =
      'mutation ($id: ID!) { shipOrder(input: { id: $id, lines: [{ sku: "GIZMO", qty: 1 }] }) { shipments { id } } }'
    const shipment = (await execute(server.as('service'), ship, { id })).data.shipOrder.shipments[0]
    await execute(server.as('operator'), CANCEL, { id, note: 'fraud?' })
    const read = async (who: string) => (await execute(server.as(who), HISTORY, { id })).data.order
    const customer = await read('customer')
    for (const who of ['service', 'operator']) {
      const { events, ...order } = await read(who)
      const [, , shipped, cancelled] = events
      expect(shipped).toMatchObject({ type: 'OrderShipped', actor: 'shop', note: null })
      expect(cancelled).toEqual({ type: 'OrderCancelled', actor: 'olga', note: 'fraud?' })
      expect(customer).toMatchObject(order)
      const hidden = events.map(({ type }: { type: string }) => ({ type, actor: null, note: null }))
      expect(customer.events).toEqual(hidden)
    }
    expect(customer.shipments).toMatchObject([
      { id: shipment.id, location: { code: 'MAIN' }, lines: [{ qty: 1 }] },
    ])
    const node = (who: string, id: string) =>
      execute(server.as(who), 'query ($id: ID!) { node(id: $id) { id } }', { id })
    expect((await node('customer', shipment.id)).data.node).toEqual({ id: shipment.id })
  })

  it("is another's to do nothing about: its order and its shipments do not exist for it", async () => {
    const { id } = await seed(server.testApp.app).order({ sku: 'BOBS', customerId: 'bob' })
    await reserveOrders(server.testApp.app, [id])
    const other = uuidv7()
    const cancel = async (id: string) =>
      without(id, (await execute(server.as('customer'), CANCEL, { id })).data.cancelOrder)
    expect(await cancel(id)).toBe(await cancel(other))
    expect(await cancel(id)).toContain('UNKNOWN_ORDER')
    const ship = 'mutation ($id: ID!) { shipOrder(input: { id: $id }) { order { status } shipments { id } } }'
    const { order, shipments } = (await execute(server.as('service'), ship, { id })).data.shipOrder
    expect(order.status).toBe('SHIPPED')
    const { data } = await execute(server.as('customer'), 'query ($id: ID!) { node(id: $id) { id } }', {
      id: shipments[0].id,
    })
    expect(data).toEqual({ node: null })
  })

  it('is its customer to see also where it is held, and what its movements left there is not', async () => {
    const { id } = await seed(server.testApp.app).order({ qty: 2, customerId: 'alice' })
    await reserveOrders(server.testApp.app, [id])
    const read = (who: string, fields: string) =>
      execute(server.as(who), `query ($id: ID!) { order(id: $id) { ${fields} } }`, { id })
    const held = await read(
      'customer',
      'lines { allocations { qty location { code } } } movements { id delta availableAfter }',
    )
    const { lines, movements } = held.data.order
    expect(lines).toEqual([{ allocations: [{ qty: 2, location: { code: 'MAIN' } }] }])
    expect(movements).toMatchObject([{ delta: -2, availableAfter: expect.any(Number) }])
    for (const field of ['reservedAfter', 'onHandAfter']) {
      const NODE = `query ($id: ID!) { node(id: $id) { ... on InventoryMovement { ${field} } } }`
      const variables = { id: movements[0].id }
      for (const answer of [
        await read('customer', `movements { ${field} }`),
        await execute(server.as('customer'), NODE, variables),
      ]) {
        expect(codesOf(answer)).toEqual(['FORBIDDEN'])
        expect(JSON.stringify(answer.data)).not.toContain(field)
      }
      const staff = await execute(server.as('service'), NODE, variables)
      expect(staff.data.node[field]).toBeGreaterThan(0)
    }
  })

  it.each(['{ node(id: "level:GIZMO:MAIN") { id } }', '{ inventoryItem(sku: "GIZMO") { levels { id } } }'])(
    'shows a customer no level by %s',
    async (query) => {
      const staff = await execute(server.as('service'), query)
      expect(staff.text).toContain('level:GIZMO:MAIN')
      const customer = await execute(server.as('customer'), query)
      expect(customer.text).not.toContain('level:GIZMO:MAIN')
    },
  )

  it('is in the list of the customer that the filter names, where the caller may see it', async () => {
    const LIST = '{ orders(filter: { customerId: "bob" }) { edges { node { customerId } } } }'
    const count = async (who: string) => (await execute(server.as(who), LIST)).data.orders.edges.length
    expect(await count('customer')).toBe(0)
    expect(await count('service')).toBeGreaterThan(0)
    expect(await count('operator')).toBe(await count('service'))
  })
})

describe('whose an order is', () => {
  const CREATE = `mutation ($customerId: String) {
    createOrder(input: { sku: "GIZMO", qty: 1, customerId: $customerId }) { order { customerId } }
  }`
  it.each([
    ['customer', null, 'alice'],
    ['customer', 'alice', 'alice'],
    ['customer', 'bob', 'FORBIDDEN'],
    ['customer', '', 'FORBIDDEN'],
    ['service', null, null],
    ['service', 'bob', 'bob'],
    ['service', 'bob\0', 'BAD_USER_INPUT'],
    ['service', '', 'BAD_USER_INPUT'],
    ['operator', 'bob', 'bob'],
    ['operator', null, null],
  ])('%s that names %j: %j, by GraphQL and by REST', async (who, customerId, expected) => {
    const answer = await execute(server.as(who), CREATE, { customerId })
    const graphql = codesOf(answer)[0] ?? answer.data.createOrder.order.customerId
    expect(graphql).toBe(expected)
    const response = await fetch(`${server.url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: server.authorizations[who]! },
      body: JSON.stringify({ sku: 'GIZMO', qty: 1, customer_id: customerId }),
    })
    const body = (await response.json()) as { id?: string; code?: string }
    if (!body.id) {
      expect(body.code).toBe(customerId === 'bob' ? 'FORBIDDEN' : 'MALFORMED_BODY')
      expect(expected).toMatch(/FORBIDDEN|BAD_USER_INPUT/)
      return
    }
    const order = await server.testApp.app.prisma.order.findUnique({ where: { id: body.id } })
    expect(order!.customerId).toBe(expected)
  })
})

it('says the same to the database as in the code: who sees what', async () => {
  const { prisma } = server.testApp.app
  const orders = await prisma.order.findMany()
  const callers = ROLES.flatMap((role) =>
    ['alice', 'bob', 'olga'].map((id): Caller => ({ id, role, expiresAt: null })),
  )
  for (const caller of [...callers, LOCAL_OPERATOR]) {
    const found = await prisma.order.findMany({ where: visibleTo(caller), select: { id: true } })
    const seen = orders.filter((order) => canSee(caller, order)).map(({ id }) => id)
    expect(found.map(({ id }) => id).sort()).toEqual(seen.sort())
  }
})
