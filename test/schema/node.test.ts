import { v7 as uuidv7 } from 'uuid'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { testWebhook } from '../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { codesOf, execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'
import { listenAt } from '../support/webhooks.ts'

const NODE = `query ($id: ID!) {
  node(id: $id) {
    __typename
    id
    ... on Order { sku status inventoryItem { id } events { type } }
    ... on DeadLetter { error order { id } }
    ... on InventoryItem { sku available onHand }
    ... on InventoryMovement { sku delta cause: order { id } }
    ... on InventoryLevel { sku location { id } available reserved onHand safetyStock availableToPromise }
    ... on Location { code name priority isActive isDefault }
    ... on Webhook { url oldestPendingAgeSeconds pendingCount deliveries(first: 1, status: PENDING) { edges { node { id } } } }
    ... on WebhookDelivery { eventType attempts }
    ... on Shipment { order { id } location { id } lines { sku qty } }
  }
}`

let server: RolesServer
/** Ids by what they are of: alice's, bob's, or nobody's. */
const ids: Record<string, string> = {}

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  await seed(app).item({ sku: 'A.b_c-1', available: 10 })
  for (const customerId of ['alice', 'bob']) {
    const { id } = await seed(app).order({ sku: 'A.b_c-1', customerId })
    await reserveOrders(app, [id])
    ids[`order of ${customerId}`] = id
    const { rows } = await app.pool.query('select id from inventory_movements where order_id = $1', [id])
    ids[`movement of ${customerId}`] = String(rows[0].id)
  }
  const { rows } = await app.pool.query("select id from inventory_movements where type = 'RECEIPT'")
  ids.receipt = String(rows[0].id)
  ids.item = 'item:A.b_c-1'
  ids.location = 'location:MAIN'
  ids.level = 'level:A.b_c-1:MAIN'
  for (const customerId of ['alice', 'bob']) {
    const { id } = await seed(app).order({ sku: 'A.b_c-1', customerId })
    await reserveOrders(app, [id])
    const { shipments } = await shipOrder(app, LOCAL_OPERATOR, { id })
    ids[`shipment of ${customerId}`] = shipments[0]!.id
  }
  ids['dead letter'] = uuidv7()
  ids['retried dead letter'] = uuidv7()
  await app.pool.query(
    `insert into dead_letters (id, order_id, task, payload, error, attempts, created_at, retried_at)
    values ($1, $3, 'reserve-inventory', '{}', 'broken', 8, now(), null),
      ($2, $3, 'reserve-inventory', '{}', 'broken', 8, now(), now())`,
    [ids['dead letter'], ids['retried dead letter'], ids['order of alice']],
  )
  ids.webhook = (await listenAt(app, 'https://shop.example/hooks', ['*'])).id
  const { deliveries } = await testWebhook(app, LOCAL_OPERATOR, ids.webhook)
  ids['delivery of the webhook'] = deliveries[0]!.id
})
afterAll(() => server.close())

const find = async (role: string, id: unknown) => {
  const { data, errors } = await execute(server.as(role), NODE, { id })
  expect(errors).toBeUndefined()
  return data.node
}

describe('node', () => {
  it('finds all that a cache keeps, by the id that it has elsewhere', async () => {
    expect(await find('operator', ids['order of bob'])).toEqual({
      __typename: 'Order',
      id: ids['order of bob'],
      sku: 'A.b_c-1',
      status: 'RESERVED',
      inventoryItem: { id: ids.item },
      events: [{ type: 'OrderCreated' }, { type: 'OrderReserved' }],
    })
    expect(await find('operator', ids.item)).toEqual({
      __typename: 'InventoryItem',
      id: ids.item,
      sku: 'A.b_c-1',
      available: 6,
      onHand: 8,
    })
    expect(await find('operator', ids['movement of bob'])).toEqual({
      __typename: 'InventoryMovement',
      id: ids['movement of bob'],
      sku: 'A.b_c-1',
      delta: -1,
      cause: { id: ids['order of bob'] },
    })
    expect(await find('operator', ids.level)).toEqual({
      __typename: 'InventoryLevel',
      id: ids.level,
      sku: 'A.b_c-1',
      location: { id: ids.location },
      available: 6,
      reserved: 2,
      onHand: 8,
      safetyStock: 0,
      availableToPromise: 6,
    })
    expect(await find('operator', ids.location)).toEqual({
      __typename: 'Location',
      id: ids.location,
      code: 'MAIN',
      name: 'Main',
      priority: 100,
      isActive: true,
      isDefault: true,
    })
    expect(await find('operator', ids['shipment of bob'])).toEqual({
      __typename: 'Shipment',
      id: ids['shipment of bob'],
      order: { id: expect.stringMatching(/^[\da-f-]{36}$/) },
      location: { id: ids.location },
      lines: [{ sku: 'A.b_c-1', qty: 1 }],
    })
    expect(await find('operator', ids.webhook)).toEqual({
      __typename: 'Webhook',
      id: ids.webhook,
      url: 'https://shop.example/hooks',
      deliveries: { edges: [{ node: { id: ids['delivery of the webhook'] } }] },
      oldestPendingAgeSeconds: expect.any(Number),
      pendingCount: 1,
    })
    expect(await find('operator', ids['delivery of the webhook'])).toEqual({
      __typename: 'WebhookDelivery',
      id: ids['delivery of the webhook'],
      eventType: 'webhook.test',
      attempts: 0,
    })
    for (const letter of ['dead letter', 'retried dead letter']) {
      expect(await find('operator', ids[letter])).toEqual({
        __typename: 'DeadLetter',
        id: ids[letter],
        error: 'broken',
        order: { id: ids['order of alice'] },
      })
    }
  })

  it.each([
    ['customer', ['order of alice', 'movement of alice', 'shipment of alice', 'item', 'location']],
    ['service', () => Object.keys(ids).filter((name) => !/dead letter|webhook/.test(name))],
    ['operator', () => Object.keys(ids)],
  ])('gives a %s what it may see elsewhere, and null for the rest', async (role, seen) => {
    const visible = typeof seen === 'function' ? seen() : seen
    for (const [name, id] of Object.entries(ids)) {
      const node = await find(role, id)
      expect([name, node?.id]).toEqual([name, visible.includes(name) ? id : undefined])
    }
  })

  it.each([
    ...['', ' ', '0', '-1', '01', '1.5', '9223372036854775808', '99999999999999999999'],
    ...[
      'item:',
      'item:NO-SUCH',
      'item:A:B',
      'item:\u0000',
      'item:§',
      `item:${'S'.repeat(10_000)}`,
      'A.b_c-1',
    ],
    ...[
      'level:',
      'level:A.b_c-1',
      'level:A.b_c-1:',
      'level::MAIN',
      'level:A.b_c-1:NO',
      'level:A.b_c-1:MAIN:',
    ],
    ...[
      'level:NO:MAIN',
      'level:\u0000:MAIN',
      'level:A.b_c-1:\u0000',
      'location:',
      'location:NO',
      'location:\u0000',
    ],
    ...['Item:A.b_c-1', 'T3JkZXI6MQ==', '00000000-0000-0000-0000-000000000000', uuidv7(), 'constructor'],
  ])('is null for %j, which is of nothing', async (id) => {
    expect(await find('operator', id)).toBeNull()
  })

  it('takes a number for the id of a movement', async () => {
    expect(await find('operator', Number(ids.receipt))).toMatchObject({ delta: 10 })
  })

  it('answers with the id alone, and by a fragment on the interface', async () => {
    const query = `query ($id: ID!) { node(id: $id) { ...Id } } fragment Id on Node { id }`
    const { data } = await execute(server.as('operator'), query, { id: ids.item })
    expect(data).toEqual({ node: { id: ids.item } })
  })

  it('counts towards the cost and the page sizes of a query', async () => {
    const page = (size: number) =>
      `movements(first: ${size}) { edges { node { id sku delta order { id } } } }`
    const nodes = (count: number, size: number) =>
      Array.from(
        { length: count },
        (_, i) => `n${i}: node(id: "item:A.b_c-1") { ... on InventoryItem { ${page(size)} } }`,
      )
    expect(codesOf(await execute(server.as('operator'), `{ ${nodes(5, 100).join(' ')} }`))).toEqual([])
    for (const [query, code] of [
      [`{ ${nodes(60, 100).join(' ')} }`, 'QUERY_TOO_COSTLY'],
      [`{ ${nodes(1, 101).join(' ')} }`, 'BAD_USER_INPUT'],
    ] as const) {
      expect(codesOf(await execute(server.as('operator'), query))).toEqual([code])
    }
  })

  it('does not show a customer the ledger of an item', async () => {
    const query = `query ($id: ID!) { node(id: $id) { ... on InventoryItem { movements { edges { node { id } } } } } }`
    expect(codesOf(await execute(server.as('customer'), query, { id: ids.item }))).toEqual(['FORBIDDEN'])
  })
})

it('gives an item the id under which adjustInventory tells of its new stock', async () => {
  const { data } = await execute(
    server.as('operator'),
    `mutation { adjustInventory(input: { sku: "A.b_c-1", delta: 5, reason: "found" }) { inventoryItem { id available } } }`,
  )
  expect(data.adjustInventory.inventoryItem).toEqual({ id: ids.item, available: 11 })
})
