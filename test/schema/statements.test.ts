import pg from 'pg'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { encodeCursor } from '../../src/cursor.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { MAIN_POOL_SIZE } from '../../src/limits.ts'
import { shipOrder } from '../../src/use-cases/orders/verbs/ship-order.ts'
import { execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

// a beat of the listener would count as a statement of the call that it falls into
vi.mock(import('../../src/limits.ts'), async (importOriginal) => ({
  ...(await importOriginal()),
  LISTEN_BEAT_INTERVAL_MS: 3_600_000,
}))

const ITEMS = 50
const ORDERS_OF_EACH = 8
/** The receipt that it started with, and a reservation for each order. */
const MOVEMENTS_OF_EACH = ORDERS_OF_EACH + 1

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
  const skus = Array.from({ length: ITEMS }, (_, index) => `ITEM-${index + 10}`)
  for (const sku of skus) await seed(server.app).item({ sku, available: 100 })
  // one order of each SKU after the other: a page of 50 orders has 50 items
  for (let round = 0; round < ORDERS_OF_EACH; round++) {
    const orders = await Promise.all(skus.map((sku) => seed(server.app).order({ sku })))
    await reserveOrders(
      server.app,
      orders.map(({ id }) => id),
    )
  }
})
afterAll(() => server.close())

/** Runs a query, and tells what it asked of the database and how many rows came back. */
async function measure(query: string, variables: object) {
  // every connection is there: a new one has statements of its own
  const clients = await Promise.all(Array.from({ length: MAIN_POOL_SIZE }, () => server.app.pool.connect()))
  for (const client of clients) client.release()
  const asked = vi.spyOn(pg.Client.prototype, 'query')
  const received = vi.spyOn(pg.Result.prototype as unknown as { addRow: () => void }, 'addRow')
  try {
    const { data, errors } = await execute(server, query, variables)
    expect(errors).toBeUndefined()
    // a plain text is what a connection begins with, whichever statement opens it
    const statements = asked.mock.calls.map(([config]) => config as unknown as string | { text: string })
    const texts = statements.flatMap((statement) => (typeof statement === 'string' ? [] : [statement.text]))
    return { data, texts, rows: received.mock.calls.length }
  } finally {
    asked.mockRestore()
    received.mockRestore()
  }
}

const ORDERS = `query ($first: Int!) {
  orders(first: $first) {
    edges { node {
      id
      inventoryItem { sku available }
      movements { id type delta }
      events { type version }
    } }
  }
}`

it('reads a page of orders, with items, movements and events, by as many statements whatever its size', async () => {
  // what runs at once may need connections that are not there yet
  await measure(ORDERS, { first: 5 })
  const small = await measure(ORDERS, { first: 5 })
  const large = await measure(ORDERS, { first: 50 })
  expect(small.data.orders.edges).toHaveLength(5)
  expect(large.data.orders.edges).toHaveLength(50)
  for (const { node } of large.data.orders.edges) {
    expect(node).toMatchObject({ movements: [{ delta: -1 }], events: [{ version: 1 }, { version: 2 }] })
  }
  expect(large.texts.length, large.texts.join('\n')).toBe(small.texts.length)
  expect(large.texts.length).toBeLessThanOrEqual(7)
  // for each order and the one that tells whether there are more: its id, itself, its line, its item, the level of that, a
  // movement and two events
  expect(large.rows).toBeLessThanOrEqual(51 * 8)
  expect(large.rows).toBeGreaterThanOrEqual(50 * 7)
})

const ITEMS_WITH_MOVEMENTS = `query ($first: Int!, $movements: Int!) {
  inventoryItems(first: $first) {
    edges { node {
      sku
      movements(first: $movements) { edges { node { id sku } } pageInfo { hasNextPage hasPreviousPage } }
    } }
  }
}`

it('reads a page of items, with some movements of each, by as many statements whatever its size', async () => {
  const small = await measure(ITEMS_WITH_MOVEMENTS, { first: 5, movements: 3 })
  const large = await measure(ITEMS_WITH_MOVEMENTS, { first: 50, movements: 3 })
  expect(small.data.inventoryItems.edges).toHaveLength(5)
  expect(large.data.inventoryItems.edges).toHaveLength(50)
  for (const { node } of large.data.inventoryItems.edges) {
    expect(node.movements.edges).toHaveLength(3)
    for (const edge of node.movements.edges) expect(edge.node.sku).toBe(node.sku)
    expect(node.movements.pageInfo).toEqual({ hasNextPage: true, hasPreviousPage: false })
  }
  expect(large.texts.length, large.texts.join('\n')).toBe(small.texts.length)
  expect(large.texts.length).toBeLessThanOrEqual(5)
})

it('reads of each ledger only what the page shows, not the whole', async () => {
  const { rows, data } = await measure(ITEMS_WITH_MOVEMENTS, { first: 50, movements: 3 })
  expect(data.inventoryItems.edges).toHaveLength(50)
  // the list's SKUs come first, then their items; each page of movements has one row more, which tells whether there are more
  expect(rows).toBeLessThanOrEqual(2 * 51 + 50 * 4)
  const whole = await measure(ITEMS_WITH_MOVEMENTS, { first: 50, movements: 100 })
  expect(whole.rows).toBe(2 * ITEMS + ITEMS * MOVEMENTS_OF_EACH)
})

it('reads of each ledger only what the page shows behind a cursor, forwards and backwards', async () => {
  const { rows } = await server.app.pool.query(
    "select id from inventory_movements where sku = 'ITEM-30' order by id desc offset 4 limit 1",
  )
  const cursor = encodeCursor('movements:ITEM-30', String(rows[0].id))
  for (const args of [`first: 2, after: "${cursor}"`, `last: 2, before: "${cursor}"`]) {
    const page = `movements(${args}) { edges { node { id } } }`
    const query = `{ inventoryItem(sku: "ITEM-30") { ${page} } movements(sku: "ITEM-30" ${args}) { edges { node { id } } } }`
    const read = await measure(query, {})
    expect(read.data.inventoryItem.movements.edges).toHaveLength(2)
    expect(read.data.movements).toEqual(read.data.inventoryItem.movements)
    expect(read.texts.length).toBeLessThanOrEqual(5)
    expect(read.rows).toBeLessThanOrEqual(1 + 2 * 3)
  }
})

it('reads a ledger by its index and no further than the page, however long it is', async () => {
  await seed(server.app).item({ sku: 'LONG', available: 1 })
  await server.app.pool.query(`
    insert into inventory_movements (
      sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at
    )
    select 'LONG', 'MAIN', 'ADJUSTMENT', 1, 0, n, 0, now() from generate_series(2, 20000) as n;
    update stock_levels set available = 20000 where sku = 'LONG'`)
  await server.app.pool.query('analyze inventory_movements')
  const query = '{ inventoryItem(sku: "LONG") { movements(first: 3) { edges { node { availableAfter } } } } }'
  const read = await measure(query, {})
  expect(read.data.inventoryItem.movements.edges.map((edge: { node: object }) => edge.node)).toEqual(
    [20_000, 19_999, 19_998].map((availableAfter) => ({ availableAfter })),
  )
  expect(read.rows).toBeLessThanOrEqual(1 + 4)
  const text = read.texts.find((text) => text.includes('inventory_movements'))!
  const { rows } = await server.app.pool.query(`explain (analyze, format json) ${text}`, [
    ['LONG'],
    [null],
    [null],
    [4],
    [0],
  ])
  const scanned = nodesOf(rows[0]['QUERY PLAN'][0].Plan)
    .filter((node) => node['Relation Name'] === 'inventory_movements')
    .map((node) => [node['Node Type'], Number(node['Actual Rows']) <= 4])
  expect(scanned).toContainEqual([expect.stringMatching(/^Index/), true])
  for (const [type, isShort] of scanned)
    expect([type, isShort]).toEqual([expect.stringMatching(/^Index/), true])
})

it('reads the orders behind the movements of a page of items by as many statements whatever its size', async () => {
  const query = `query ($first: Int!) {
    inventoryItems(first: $first) {
      edges { node { movements(first: 3) { edges { node { order { id status } } } } } }
    }
  }`
  const small = await measure(query, { first: 5 })
  const large = await measure(query, { first: 50 })
  for (const { node } of large.data.inventoryItems.edges) {
    for (const edge of node.movements.edges) expect(edge.node.order).toMatchObject({ status: 'RESERVED' })
  }
  expect(large.texts.length, large.texts.join('\n')).toBe(small.texts.length)
  expect(large.texts.length).toBeLessThanOrEqual(5)
})

const ORDERS_WITH_PARTS = `query ($first: Int!) {
  orders(first: $first) {
    edges { node {
      sku qty
      lines {
        sku waiting
        allocations { qty location { code name } }
        supplierRequests { state }
        inventoryItem { onHand availableToPromise levels { available location { name } } }
      }
      shipments { location { code } lines { sku qty } }
      movements { location { code } shipment { lines { qty } } }
      events { lines { location { code } } actor }
    } }
  }
}`

it('reads all that orders have by as many statements whatever the size of the page', async () => {
  const { pool } = server.app
  const { rows: newest } = await pool.query('select id from orders order by id desc limit 3')
  await seed(server.app).location('WEST')
  for (const { id } of newest) await shipOrder(server.app, LOCAL_OPERATOR, { id })
  const small = await measure(ORDERS_WITH_PARTS, { first: 5 })
  const large = await measure(ORDERS_WITH_PARTS, { first: 15 })
  expect(large.data.orders.edges).toHaveLength(15)
  const MAIN = { code: 'MAIN' }
  expect(large.data.orders.edges[0].node).toMatchObject({
    lines: [{ waiting: 0, allocations: [], supplierRequests: [] }],
    shipments: [{ location: MAIN, lines: [{ qty: 1 }] }],
    movements: [{ location: MAIN, shipment: null }, { shipment: { lines: [{ qty: 1 }] } }],
  })
  expect(large.data.orders.edges[14].node.lines).toMatchObject([
    {
      allocations: [{ qty: 1, location: MAIN }],
      inventoryItem: { levels: [{ location: { name: 'Main' } }] },
    },
  ])
  expect(large.texts.length, large.texts.join('\n')).toBe(small.texts.length)
  expect(large.texts.length).toBeLessThanOrEqual(18)
})

it('reads nothing for the lines of an order that was just placed or changed', async () => {
  const fields = 'order { id status sku qty lines { sku reserved waiting } }'
  const placed = await measure(
    `mutation { createOrder(input: { sku: "ITEM-10", qty: 1 }) { ${fields} } }`,
    {},
  )
  expect(placed.texts).toHaveLength(1)
  const { id, ...order } = placed.data.createOrder.order
  expect(order).toMatchObject({
    sku: 'ITEM-10',
    qty: 1,
    lines: [{ sku: 'ITEM-10', reserved: 0, waiting: 1 }],
  })
  const cancel = 'mutation ($id: ID!) { cancelOrder(input: { id: $id }) '
  const bare = await measure(`${cancel} { order { id } } }`, { id })
  const again = await measure(`${cancel} { ${fields} } }`, { id })
  // the second time nothing is written, and what it shows is not read again
  expect(again.data.cancelOrder.order.lines).toEqual([{ sku: 'ITEM-10', reserved: 0, waiting: 0 }])
  expect(again.texts.length).toBeLessThan(bare.texts.length)
  expect(
    again.texts.filter((text) => text.startsWith('select') && text.includes('order_lines')),
  ).toHaveLength(1)
})

type PlanNode = Record<string, unknown> & { Plans?: PlanNode[] }

function nodesOf(plan: PlanNode): PlanNode[] {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)]
}
