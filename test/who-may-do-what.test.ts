import { type GraphQLObjectType, isObjectType } from 'graphql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Order } from '../src/domain/orders/order.ts'
import { cursorOf } from '../src/feed/stock-cursor.ts'
import { actionOf } from '../src/schema/field-action.ts'
import { schema } from '../src/schema/index.ts'
import { LEDGER_START } from '../src/sql/stock/ledger/read-changes.ts'
import { failOrders } from '../src/use-cases/orders/fail-orders.ts'
import { codesOf, execute, subscribeBySse } from './support/graphql.ts'
import { seed } from './support/harness.ts'
import { reserveOrders } from './support/reserve-orders.ts'
import { type RolesServer, serveRoles } from './support/roles.ts'
import { type ComesTo, type Seeded, seedForRoles, WHO } from './support/seed-for-roles.ts'
import { listenAt } from './support/webhooks.ts'

let server: RolesServer
let seeded: Seeded
/** Of alice's, too: what is cancelled, shipped and returned. */
let parcel: Order
let webhookId = ''
const NO_ID = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  seeded = await seedForRoles(app)
  parcel = await seed(app).order({ qty: 50, customerId: 'alice' })
  await reserveOrders(app, [parcel.id])
  const lost = await seed(app).order({ customerId: 'bob' })
  const deadLetter = {
    task: 'reserve-inventory' as const,
    payload: { orderId: lost.id },
    error: 'x',
    attempts: 8,
  }
  await failOrders(app, [deadLetter])
  webhookId = (await listenAt(app, 'https://shop.example/hooks', ['*'])).id
})
afterAll(() => server.close())

/** What it comes to for each: the code of the error, or 'ok'. */
const everyone = { nobody: 'UNAUTHENTICATED', customer: 'ok', service: 'ok', operator: 'ok' }
const staff = { ...everyone, customer: 'FORBIDDEN' }
const operators = { ...staff, service: 'FORBIDDEN' }

type Row = { query: string; variables?: () => object; comesTo: ComesTo<string> }

/** Every operation, and every field that has a scope of its own. A new one needs its row here. */
const OPERATIONS: Record<string, Row> = {
  'Query.order': {
    query:
      'query ($id: ID!) { order(id: $id) { id customerId events { type } movements { delta order { id } } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: everyone,
  },
  'Query.node': {
    query: 'query ($id: ID!) { node(id: $id) { id } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: everyone,
  },
  'Query.viewer': { query: '{ viewer { id role } }', comesTo: everyone },
  'Query.orders': { query: '{ orders { edges { node { id } } } }', comesTo: everyone },
  'Query.waitingOrders': {
    query: '{ waitingOrders(sku: "GIZMO") { edges { node { id } } } }',
    comesTo: everyone,
  },
  'Query.locations': { query: '{ locations { id code isDefault } }', comesTo: everyone },
  'Query.inventoryItem': { query: '{ inventoryItem(sku: "GIZMO") { available } }', comesTo: everyone },
  'Query.inventoryItems': { query: '{ inventoryItems { edges { node { sku } } } }', comesTo: everyone },
  'Query.movements': { query: '{ movements(sku: "GIZMO") { edges { node { id } } } }', comesTo: staff },
  'Query.deadLetters': {
    query: '{ deadLetters { edges { node { id order { id } } } } }',
    comesTo: operators,
  },
  'Query.status': { query: '{ status { workersAlive orders { count { count } } } }', comesTo: operators },
  'Mutation.createOrder': {
    query: 'mutation { createOrder(input: { sku: "GIZMO", qty: 1 }) { order { id } } }',
    comesTo: everyone,
  },
  'Mutation.confirmOrder': {
    query:
      'mutation ($id: ID!) { confirmOrder(input: { id: $id }) { order { version } userErrors { code } } }',
    variables: () => ({ id: seeded.holdIds.pop() }),
    comesTo: everyone,
  },
  'Mutation.extendHold': {
    query:
      'mutation ($id: ID!) { extendHold(input: { id: $id, holdSeconds: 600 }) { order { version } userErrors { code } } }',
    variables: () => ({ id: seeded.hold.id }),
    comesTo: everyone,
  },
  'Mutation.cancelOrder': {
    query:
      'mutation ($id: ID!) { cancelOrder(input: { id: $id, lines: [{ sku: "GIZMO", qty: 1 }] }) { order { version } userErrors { code } } }',
    variables: () => ({ id: parcel.id }),
    comesTo: everyone,
  },
  'Mutation.shipOrder': {
    query:
      'mutation ($id: ID!) { shipOrder(input: { id: $id, lines: [{ sku: "GIZMO", qty: 1 }] }) { order { version } userErrors { code } } }',
    variables: () => ({ id: parcel.id }),
    comesTo: staff,
  },
  'Mutation.returnOrder': {
    query:
      'mutation ($id: ID!) { returnOrder(input: { id: $id, lines: [{ sku: "GIZMO", qty: 1 }] }) { order { version } userErrors { code } } }',
    variables: () => ({ id: parcel.id }),
    comesTo: staff,
  },
  'Mutation.undoShipment': {
    query:
      'mutation ($id: ID!) { undoShipment(input: { id: $id }) { order { version } userErrors { code } } }',
    variables: () => ({ id: parcel.id }),
    comesTo: staff,
  },
  'Mutation.saveLocation': {
    query: 'mutation { saveLocation(input: { code: "EAST" }) { location { code } } }',
    comesTo: operators,
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
  'Mutation.setStockRules': {
    query: 'mutation { setStockRules(input: { sku: "GIZMO", lowStockAt: 1 }) { inventoryItem { sku } } }',
    comesTo: operators,
  },
  'Mutation.adjustInventories': {
    query: `mutation { adjustInventories(input: { changes: [{ sku: "GIZMO", delta: 1 }], reason: "found" })
      { results { movement { actor } } } }`,
    comesTo: operators,
  },
  'Mutation.receiveInventory': {
    query: 'mutation { receiveInventory(input: { sku: "GIZMO", qty: 1 }) { level { available } } }',
    comesTo: staff,
  },
  'Mutation.transferInventory': {
    query: `mutation { transferInventory(input: { from: "MAIN", to: "NOWHERE", lines: [{ sku: "GIZMO", qty: 1 }] })
      { movements { id } userErrors { code } } }`,
    comesTo: staff,
  },
  'Mutation.countInventory': {
    query: `mutation { countInventory(input: { counts: [{ sku: "GIZMO", counted: 1 }], reason: "yearly" })
      { changed unreserved { id } } }`,
    comesTo: staff,
  },
  'Mutation.retryDeadLetters': {
    query: 'mutation { retryDeadLetters(ids: []) { deadLetters { id } } }',
    comesTo: operators,
  },
  'Query.webhooks': {
    query: '{ webhooks { id url deliveries { edges { node { id } } } } }',
    comesTo: operators,
  },
  'Mutation.createWebhook': {
    query: `mutation { createWebhook(input: { url: "https://shop.example/hooks", events: ["*"] })
      { webhook { id } secret userErrors { code } } }`,
    comesTo: operators,
  },
  'Mutation.updateWebhook': {
    query:
      'mutation ($id: ID!) { updateWebhook(input: { id: $id, status: PAUSED }) { webhook { id } userErrors { code } } }',
    variables: () => ({ id: webhookId }),
    comesTo: operators,
  },
  'Mutation.deleteWebhook': {
    query: 'mutation ($id: ID!) { deleteWebhook(id: $id) { webhook { id } userErrors { code } } }',
    variables: () => ({ id: NO_ID }),
    comesTo: operators,
  },
  'Mutation.rotateWebhookSecret': {
    query:
      'mutation ($id: ID!) { rotateWebhookSecret(id: $id) { webhook { id } secret userErrors { code } } }',
    variables: () => ({ id: webhookId }),
    comesTo: operators,
  },
  'Mutation.testWebhook': {
    query: 'mutation ($id: ID!) { testWebhook(id: $id) { deliveries { id } userErrors { code } } }',
    variables: () => ({ id: webhookId }),
    comesTo: operators,
  },
  'Mutation.redeliverWebhooks': {
    query: 'mutation { redeliverWebhooks(ids: []) { count deliveries { id } userErrors { code } } }',
    comesTo: operators,
  },
  'Mutation.redeliverGivenUp': {
    query: `mutation ($id: ID!) { redeliverGivenUp(input: { webhookId: $id, since: "2026-01-05T09:30:00Z" })
      { count deliveries { id } userErrors { code } } }`,
    variables: () => ({ id: webhookId }),
    comesTo: operators,
  },
  'Subscription.orderStatusChanged': {
    query: 'subscription ($id: ID!) { orderStatusChanged(id: $id) { version } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: everyone,
  },
  'Subscription.inventoryChanged': {
    query: 'subscription ($after: String!) { inventoryChanged(after: $after) { movement { id delta } } }',
    variables: () => ({ after: cursorOf(LEDGER_START) }),
    comesTo: staff,
  },
  'InventoryItem.lowStockAt': {
    query: '{ inventoryItem(sku: "GIZMO") { sku lowStockAt } }',
    comesTo: staff,
  },
  'InventoryItem.backordered': {
    query: '{ inventoryItem(sku: "GIZMO") { sku backordered } }',
    comesTo: staff,
  },
  'InventoryItem.levels': {
    query: '{ inventoryItem(sku: "GIZMO") { levels { id available } } }',
    comesTo: staff,
  },
  'OrderLine.supplierRequests': {
    query: 'query ($id: ID!) { order(id: $id) { lines { supplierRequests { state } } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: staff,
  },
  'Order.jobs': {
    query: 'query ($id: ID!) { order(id: $id) { jobs { id } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: operators,
  },
  'Order.deadLetters': {
    query: 'query ($id: ID!) { order(id: $id) { deadLetters { id } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: operators,
  },
  'InventoryMovement.reservedAfter': {
    query: 'query ($id: ID!) { order(id: $id) { movements { delta reservedAfter } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: staff,
  },
  'InventoryMovement.onHandAfter': {
    query: 'query ($id: ID!) { order(id: $id) { movements { delta onHandAfter } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: staff,
  },
  'InventoryItem.movements': {
    query: 'query ($id: ID!) { order(id: $id) { inventoryItem { movements { edges { node { id } } } } } }',
    variables: () => ({ id: seeded.alices.id }),
    comesTo: staff,
  },
}

it('the table has a row for every operation and for every field with a scope', () => {
  const roots = [schema.getQueryType()!, schema.getMutationType()!, schema.getSubscriptionType()!]
  const fieldsOf = (type: GraphQLObjectType) =>
    Object.values(type.getFields()).map((field) => ({ field, name: `${type.name}.${field.name}` }))
  const scoped = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .flatMap(fieldsOf)
    .filter(({ field }) => actionOf(field) !== undefined)
  const names = [...roots.flatMap(fieldsOf), ...scoped].map(({ name }) => name)
  expect(scoped.length).toBeGreaterThan(5)
  expect(Object.keys(OPERATIONS).sort()).toEqual([...new Set(names)].sort())
})

describe.each(Object.entries(OPERATIONS))('%s', (name, { query, variables, comesTo }) => {
  it.each(WHO)('by %s', async (who) => {
    if (name.startsWith('Subscription.') && who !== 'nobody') {
      const subscription = subscribeBySse(server.as(who), query, variables?.())
      const answer = await subscription.next()
      subscription.leave()
      expect(codesOf(answer!)[0] ?? 'ok').toBe(comesTo[who])
      return
    }
    const answer = await execute(server.as(who), query, variables?.())
    expect(codesOf(answer)[0] ?? 'ok', answer.text).toBe(comesTo[who])
    expect(answer.status).toBe(who === 'nobody' ? 401 : 200)
    if (comesTo[who] === 'ok') expect(Object.values(answer.data)[0]).not.toBeNull()
    else expect(answer.text).not.toMatch(/"id":|"delta"/)
  })
})

it('keeps the operator of an adjustment in the ledger', async () => {
  const { query } = OPERATIONS['Mutation.adjustInventory']!
  const { data } = await execute(server.as('operator'), query)
  expect(data.adjustInventory.movement.actor).toBe('olga')
})

describe('a mutation that asks for what its caller may not see', () => {
  const CREATE = `mutation ($isStaff: Boolean = true) {
    createOrder(input: { sku: "GIZMO", qty: 1 }) { order { id ...on Order { ...Parts } } }
  }`
  const PARTS: Record<string, string> = {
    'OrderLine.supplierRequests': 'lines { supplierRequests @include(if: $isStaff) { state } }',
    'InventoryItem.levels': 'inventoryItem { levels @include(if: $isStaff) { available } }',
    'InventoryItem.backordered': 'inventoryItem { backordered @include(if: $isStaff) }',
    'InventoryItem.movements': 'inventoryItem { movements @include(if: $isStaff) { edges { node { id } } } }',
    'InventoryMovement.reservedAfter': 'movements { reservedAfter @include(if: $isStaff) }',
    'InventoryMovement.onHandAfter': 'movements { onHandAfter @include(if: $isStaff) }',
  }
  const createWith = (who: 'customer' | 'service', parts: string, isStaff: boolean) =>
    execute(server.as(who), `${CREATE} fragment Parts on Order { ${parts} }`, { isStaff })
  const count = () => server.testApp.app.prisma.order.count()

  it.each(Object.entries(PARTS))('does nothing, and names the field: %s', async (name, parts) => {
    const before = await count()
    const refused = await createWith('customer', parts, true)
    expect(codesOf(refused)).toEqual(['FORBIDDEN'])
    expect(refused.errors![0]!.message).toContain(name)
    expect(await count()).toBe(before)
    expect((await createWith('customer', parts, false)).data.createOrder.order.id).toBeTypeOf('string')
    expect((await createWith('service', parts, true)).data.createOrder.order.id).toBeTypeOf('string')
    expect(await count()).toBe(before + 2)
  })

  it('does nothing of what stands before a field that its caller may not call', async () => {
    const before = await count()
    const both = `mutation { createOrder(input: { sku: "GIZMO", qty: 1 }) { order { id } }
      shipOrder(input: { id: "${parcel.id}" }) { order { id } } }`
    expect(codesOf(await execute(server.as('customer'), both))).toEqual(['FORBIDDEN'])
    expect(await count()).toBe(before)
  })
})
