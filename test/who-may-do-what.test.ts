import type { FastifyInstance } from 'fastify'
import { type GraphQLObjectType, isObjectType } from 'graphql'
import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { canSee, visibleTo } from '../src/domain/authorisation.ts'
import { type Caller, LOCAL_OPERATOR, ROLES } from '../src/domain/caller.ts'
import type { Order } from '../src/domain/order.ts'
import { createAuthenticate } from '../src/http/create-authenticate.ts'
import { createLogger } from '../src/observability/logger.ts'
import { schema } from '../src/schema/index.ts'
import { failOrders } from '../src/use-cases/fail-orders.ts'
import { reserveInventory } from '../src/use-cases/reserve-inventory.ts'
import { codesOf, execute, subscribeBySse, subscribeByWebSocket } from './support/graphql.ts'
import { createTestApp, listen, seed, type TestApp } from './support/harness.ts'
import { authorizationOf, bySecret } from './support/tokens.ts'

let testApp: TestApp
let http: FastifyInstance
let url: string
let alices: Order
let bobs: Order
let nobodys: Order
/** The Authorization header of each, undefined for nobody. */
const authorizations: Record<string, string | undefined> = {}
const as = (who: string) => ({ url, authorization: authorizations[who] })

beforeAll(async () => {
  testApp = await createTestApp()
  const { app } = testApp
  await seed(app).item({ sku: 'GIZMO', available: 100 })
  await seed(app).item({ sku: 'BOBS', available: 100 })
  // between two of Alice's, so that her cursors could name it
  await seed(app).order({ customerId: 'alice' })
  bobs = await seed(app).order({ sku: 'BOBS', customerId: 'bob' })
  nobodys = await seed(app).order()
  alices = await seed(app).order({ customerId: 'alice' })
  await reserveInventory(app, [alices.id, bobs.id])
  const lost = await seed(app).order({ customerId: 'bob' })
  const deadLetter = {
    task: 'reserve-inventory' as const,
    payload: { orderId: lost.id },
    error: 'x',
    attempts: 8,
  }
  await failOrders(app, [{ orderId: lost.id, deadLetter }])
  ;({ http, url } = await listen(testApp, {
    authenticate: createAuthenticate(bySecret, createLogger('silent')),
  }))
  authorizations.customer = await authorizationOf('alice', 'customer')
  authorizations.service = await authorizationOf('shop', 'service')
  authorizations.operator = await authorizationOf('olga', 'operator')
})
afterAll(async () => {
  await http.close()
  await testApp.close()
})

/** What it comes to for each: the code of the error, or 'ok'. */
const everyone = { nobody: 'UNAUTHENTICATED', customer: 'ok', service: 'ok', operator: 'ok' }
const staff = { ...everyone, customer: 'FORBIDDEN' }
const operators = { ...staff, service: 'FORBIDDEN' }
const WHO = Object.keys(everyone) as (keyof typeof everyone)[]

type Row = { query: string; variables?: () => object; comesTo: typeof everyone }

/** Every operation, and every field that has a scope of its own. A new one needs its row here. */
const OPERATIONS: Record<string, Row> = {
  'Query.order': {
    query:
      'query ($id: ID!) { order(id: $id) { id customerId events { type } movements { delta order { id } } } }',
    variables: () => ({ id: alices.id }),
    comesTo: everyone,
  },
  'Query.orders': { query: '{ orders { edges { node { id } } } }', comesTo: everyone },
  'Query.inventoryItem': { query: '{ inventoryItem(sku: "GIZMO") { available } }', comesTo: everyone },
  'Query.inventoryItems': { query: '{ inventoryItems { edges { node { sku } } } }', comesTo: everyone },
  'Query.movements': { query: '{ movements(sku: "GIZMO") { edges { node { id } } } }', comesTo: staff },
  'Query.deadLetters': {
    query: '{ deadLetters { edges { node { id order { id } } } } }',
    comesTo: operators,
  },
  'Mutation.createOrder': {
    query: 'mutation { createOrder(input: { sku: "GIZMO", qty: 1 }) { order { id } } }',
    comesTo: everyone,
  },
  'Mutation.createInventoryItem': {
    query: 'mutation { createInventoryItem(input: { sku: "NEW", name: "New" }) { inventoryItem { sku } } }',
    comesTo: operators,
  },
  'Mutation.adjustInventory': {
    query: `mutation { adjustInventory(input: { sku: "GIZMO", delta: 1, reason: "found" })
      { movement { actor } inventoryItem { available } } }`,
    comesTo: operators,
  },
  'Mutation.retryDeadLetters': {
    query: 'mutation { retryDeadLetters(ids: []) { deadLetters { id } } }',
    comesTo: operators,
  },
  'Subscription.orderStatusChanged': {
    query: 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }',
    variables: () => ({ id: alices.id }),
    comesTo: everyone,
  },
  'InventoryItem.movements': {
    query: 'query ($id: ID!) { order(id: $id) { inventoryItem { movements { edges { node { id } } } } } }',
    variables: () => ({ id: alices.id }),
    comesTo: staff,
  },
}

/** Every route with what it is called by, and the status that it comes to. */
const open = { nobody: 200, customer: 200, service: 200, operator: 200 }
const redirects = { nobody: 302, customer: 302, service: 302, operator: 302 }
const ROUTES: Record<string, { call?: string; body?: object; comesTo: Record<string, number> }> = {
  '/': { comesTo: redirects },
  '/health/live': { comesTo: open },
  '/health/ready': { comesTo: open },
  '/metrics': { comesTo: open },
  '/openapi.json': { comesTo: open },
  '/docs': { comesTo: redirects },
  '/docs/': { comesTo: open },
  '/docs/*': { call: 'GET /docs/static/swagger-ui.css', comesTo: open },
  '/docs/static/index.html': { comesTo: redirects },
  '/docs/static/swagger-initializer.js': { comesTo: open },
  '/docs/json': { comesTo: open },
  '/docs/yaml': { comesTo: open },
  '/supplier/reserve': {
    call: 'POST /supplier/reserve',
    body: { order_id: 'x', sku: 'X-OK', qty: 1 },
    comesTo: open,
  },
  '/supplier/status/:ref': { call: 'GET /supplier/status/ok-x', comesTo: open },
  '/graphql': { call: 'GET /graphql?query={__typename}', comesTo: { ...open, nobody: 401 } },
  '/api/order': {
    call: 'POST /api/order',
    body: { sku: 'GIZMO', qty: 1 },
    comesTo: { nobody: 401, customer: 201, service: 201, operator: 201 },
  },
  '/api/orders/:id': { call: 'GET /api/orders/ALICES', comesTo: { ...open, nobody: 401 } },
  '/api/inventory/:sku/movements': {
    call: 'GET /api/inventory/GIZMO/movements',
    comesTo: { ...open, nobody: 401, customer: 403 },
  },
}

describe('the table', () => {
  it('has a row for every operation and for every field with a scope', () => {
    const roots = [schema.getQueryType()!, schema.getMutationType()!, schema.getSubscriptionType()!]
    const fieldsOf = (type: GraphQLObjectType) =>
      Object.values(type.getFields()).map((field) => ({ field, name: `${type.name}.${field.name}` }))
    const scoped = Object.values(schema.getTypeMap())
      .filter(isObjectType)
      .flatMap(fieldsOf)
      .filter(
        ({ field }) => (field.extensions.pothosOptions as { authScopes?: unknown } | undefined)?.authScopes,
      )
    const names = [...roots.flatMap(fieldsOf), ...scoped].map(({ name }) => name)
    expect(scoped.length).toBeGreaterThan(5)
    expect(Object.keys(OPERATIONS).sort()).toEqual([...new Set(names)].sort())
  })

  it('has a row for every route', () => {
    expect(Object.keys(ROUTES).sort()).toEqual(pathsOf(http.printRoutes({ commonPrefix: false })).sort())
  })
})

describe.each(Object.entries(OPERATIONS))('%s', (name, { query, variables, comesTo }) => {
  it.each(WHO)('by %s', async (who) => {
    if (name.startsWith('Subscription.') && who !== 'nobody') {
      const subscription = subscribeBySse(as(who), query, variables?.())
      const answer = await subscription.next()
      subscription.leave()
      expect(codesOf(answer!)[0] ?? 'ok').toBe(comesTo[who])
      return
    }
    const answer = await execute(as(who), query, variables?.())
    expect(codesOf(answer)[0] ?? 'ok', answer.text).toBe(comesTo[who])
    expect(answer.status).toBe(who === 'nobody' ? 401 : 200)
    if (comesTo[who] === 'ok') expect(Object.values(answer.data)[0]).not.toBeNull()
    else expect(answer.text).not.toMatch(/"id":|"delta"/)
  })
})

describe.each(Object.entries(ROUTES))('the route %s', (path, { call = `GET ${path}`, body, comesTo }) => {
  it.each(WHO)('by %s', async (who) => {
    const [method = 'GET', at = path] = call.replace('ALICES', alices.id).split(' ')
    const answer = await fetch(`${url}${at}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(authorizations[who] && { authorization: authorizations[who] }),
        ...(body && { 'content-type': 'application/json' }),
      },
      ...(body && { body: JSON.stringify(body) }),
    })
    expect(answer.status).toBe(comesTo[who])
    expect(answer.headers.get('www-authenticate')).toBe(answer.status === 401 ? 'Bearer' : null)
    const text = await answer.text()
    if (path.startsWith('/api') && answer.status >= 400) {
      expect(answer.headers.get('content-type')).toMatch('application/problem+json')
      expect(JSON.parse(text).code).toBe(answer.status === 401 ? 'UNAUTHENTICATED' : 'FORBIDDEN')
    }
  })
})

it('serves the page of GraphiQL to strangers, with a template of the header, and runs nothing for them', async () => {
  const page = await fetch(`${url}/graphql?query={orders{edges{node{id}}}}`, {
    headers: { accept: 'text/html' },
  })
  expect(page.status).toBe(200)
  const text = await page.text()
  expect(text).toContain('Bearer TOKEN')
  expect(text).not.toContain(alices.id)
})

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
  /** An answer without the id that was asked for. */
  const without = (id: string, answer: unknown) => JSON.stringify(answer).replaceAll(id, 'ID')

  it('is as one that does not exist, by GraphQL', async () => {
    const expected = await execute(as('customer'), ORDER, { id: unknown })
    expect(expected.data).toEqual({ order: null })
    for (const id of hidden()) {
      expect(without(id, await execute(as('customer'), ORDER, { id }))).toBe(without(unknown, expected))
      expect((await execute(as('service'), ORDER, { id })).data.order.id).toBe(id)
      expect((await execute(as('operator'), ORDER, { id })).data.order.id).toBe(id)
    }
  })

  it('is as one that does not exist, by REST', async () => {
    const read = async (id: string) => {
      const headers = { authorization: authorizations.customer! }
      const answer = await fetch(`${url}/api/orders/${id}`, { headers })
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
      const subscription = subscribe(as('customer'), WATCH, { id })
      const answer = await subscription.next()
      subscription.leave()
      return without(id, answer)
    }
    expect(await first(unknown)).toContain('NOT_FOUND')
    for (const id of hidden()) expect(await first(id)).toBe(await first(unknown))
  })

  it('is in no list, whatever the filter and the page', async () => {
    const ask = async (who: string, variables: object) =>
      (await execute(as(who), LIST, variables)).data.orders
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
    const cursor = (id: string) => Buffer.from(`GPC:S:${id}`).toString('base64')
    // the id right after: no order's, at the same place in the list
    const beside = (id: string) =>
      id.replace(/.$/, (last) => ((Number.parseInt(last, 16) + 1) % 16).toString(16))
    for (const page of [
      (after: string) => ({ first: 5, after }),
      (before: string) => ({ last: 5, before }),
    ]) {
      const answers = [bobs.id, beside(bobs.id)].map((id) => execute(as('customer'), LIST, page(cursor(id))))
      const [named, between] = await Promise.all(answers)
      expect(named!.errors).toBeUndefined()
      expect(named!.text).toBe(between!.text)
    }
    const { data } = await execute(as('customer'), LIST, { first: 5, after: cursor(bobs.id) })
    expect(data.orders.edges).toHaveLength(1)
  })

  it('does not come back under its idempotency key', async () => {
    const CREATE = `mutation ($input: CreateOrderInput!) {
      createOrder(input: $input) { order { id customerId } userErrors { code } }
    }`
    const place = async (who: string, input: object) =>
      (await execute(as(who), CREATE, { input: { sku: 'GIZMO', qty: 1, idempotencyKey: 'k', ...input } }))
        .data.createOrder
    authorizations.namesake = await authorizationOf('shop', 'customer')
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
    const answer = await execute(as(who), CREATE, { customerId })
    const graphql = codesOf(answer)[0] ?? answer.data.createOrder.order.customerId
    expect(graphql).toBe(expected)
    const response = await fetch(`${url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: authorizations[who]! },
      body: JSON.stringify({ sku: 'GIZMO', qty: 1, customer_id: customerId }),
    })
    const body = (await response.json()) as { id?: string; code?: string }
    if (!body.id) {
      expect(body.code).toBe(customerId === 'bob' ? 'FORBIDDEN' : 'MALFORMED_BODY')
      expect(expected).toMatch(/FORBIDDEN|BAD_USER_INPUT/)
      return
    }
    const order = await testApp.app.prisma.order.findUnique({ where: { id: body.id } })
    expect(order!.customerId).toBe(expected)
  })
})

it('says the same to the database as in the code: who sees what', async () => {
  const { prisma } = testApp.app
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

it('keeps the operator of an adjustment in the ledger', async () => {
  const { query } = OPERATIONS['Mutation.adjustInventory']!
  const { data } = await execute(as('operator'), query)
  expect(data.adjustInventory.movement.actor).toBe('olga')
})

/** The paths in what Fastify prints of its routes, as a tree. */
function pathsOf(tree: string): string[] {
  const parents: string[] = []
  return tree.split('\n').flatMap((line) => {
    const [, indent, part] = /^(.*?)[├└]── (\S+) \(/.exec(line) ?? []
    if (indent === undefined || part === undefined) return []
    const depth = indent.length / 4
    parents[depth] = (parents[depth - 1] ?? '') + part
    return [parents[depth]!]
  })
}
