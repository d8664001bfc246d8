import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codesOf, execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'

let server: RolesServer

beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  const stock = { 'A-1': 5, 'A-2': 0, A_1: 5, AX: 9, 'B-1': 0, 'B-2': 5, a1: 5 }
  for (const [sku, available] of Object.entries(stock)) await seed(app).item({ sku, available })
  for (const [sku, lowStockAt] of Object.entries({ 'A-1': 5, 'A-2': 5, AX: 5, 'B-2': 3 })) {
    const { data } = await execute(
      server.as('operator'),
      `mutation { setStockRules(input: { sku: "${sku}", lowStockAt: ${lowStockAt} }) {
        inventoryItem { lowStockAt } userErrors { code }
      } }`,
    )
    expect(data.setStockRules).toEqual({ inventoryItem: { lowStockAt }, userErrors: [] })
  }
  for (const [sku, qty] of [
    ['A-2', 1],
    ['AX', 20],
    ['AX', 21],
  ] as const) {
    const { id } = await seed(app).order({ sku, qty, ifShort: 'WAIT' })
    await reserveOrders(app, [id])
  }
  // only asked for: nobody has looked at it
  await seed(app).order({ sku: 'B-1', ifShort: 'WAIT' })
})
afterAll(() => server.close())

const LIST = `query ($filter: InventoryItemFilter, $first: Int, $last: Int, $after: String, $before: String) {
  inventoryItems(filter: $filter, first: $first, last: $last, after: $after, before: $before) {
    edges { cursor node { sku } } pageInfo { hasNextPage hasPreviousPage }
  }
}`

async function list(filter: object | null, page: object = { first: 100 }, who = 'operator') {
  const { data, errors } = await execute(server.as(who), LIST, { filter, ...page })
  expect(errors).toBeUndefined()
  return data.inventoryItems as { edges: { cursor: string; node: { sku: string } }[]; pageInfo: object }
}

const skusOf = async (...asked: Parameters<typeof list>) =>
  (await list(...asked)).edges.map(({ node }) => node.sku)

describe('a filter lists', () => {
  test.each([
    [{ isLow: true }, ['A-1', 'A-2']],
    [{ isOut: true }, ['A-2', 'B-1']],
    [{ isBackordered: true }, ['A-2', 'AX']],
    [{ isLow: true, isOut: false }, ['A-1']],
    [{ isOut: true, isBackordered: true }, ['A-2']],
    [{ isOut: true, isBackordered: false }, ['B-1']],
    [{ skuPrefix: 'A-' }, ['A-1', 'A-2']],
    [{ skuPrefix: 'A_' }, ['A_1']],
    [{ skuPrefix: 'a' }, ['a1']],
    [{ skuPrefix: 'B-2' }, ['B-2']],
    [{ skuPrefix: 'A', isLow: true, isBackordered: true }, ['A-2']],
    [{ skuPrefix: 'C' }, []],
    [{ skuPrefix: '%' }, []],
    [{ skuPrefix: '\0' }, []],
  ])('%j', async (filter, expected) => {
    expect(await skusOf(filter)).toEqual(expected)
  })

  test('everything where nothing is asked for, in the order of the whole list', async () => {
    const all = await skusOf(null)
    expect(all).toHaveLength(7)
    for (const filter of [{}, { skuPrefix: '' }, { skuPrefix: null, isLow: null }]) {
      expect(await skusOf(filter)).toEqual(all)
    }
    const inOrder = (skus: string[]) => all.filter((sku) => skus.includes(sku))
    for (const filter of [{ isLow: false }, { isOut: false }, { isBackordered: false }, { skuPrefix: 'A' }]) {
      const skus = await skusOf(filter)
      expect(skus.length).toBeGreaterThan(3)
      expect(skus).toEqual(inOrder(skus))
    }
  })
})

test('a filtered list is read in pages, both ways', async () => {
  for (const filter of [
    { isOut: false },
    { isBackordered: false, skuPrefix: 'A' },
    { isBackordered: true },
  ]) {
    const all = await skusOf(filter)
    const forwards: string[] = []
    for (let after: string | undefined; ; ) {
      const { edges, pageInfo } = await list(filter, { first: 1, after })
      forwards.push(...edges.map(({ node }) => node.sku))
      expect(pageInfo).toEqual({
        hasNextPage: forwards.length < all.length,
        hasPreviousPage: after !== undefined,
      })
      if (forwards.length === all.length) break
      after = edges[0]!.cursor
    }
    expect(forwards).toEqual(all)
    const backwards: string[] = []
    for (let before: string | undefined; backwards.length < all.length; ) {
      const { edges } = await list(filter, { last: 1, before })
      backwards.unshift(...edges.map(({ node }) => node.sku))
      before = edges[0]!.cursor
    }
    expect(backwards).toEqual(all)
  }
})

test('what is low, and what others wait for, is not a customer’s business', async () => {
  for (const filter of [{ isLow: true }, { isBackordered: false }]) {
    const answer = await execute(server.as('customer'), LIST, { filter, first: 5 })
    expect(codesOf(answer)).toEqual(['FORBIDDEN'])
  }
  expect(await skusOf({ isOut: true, skuPrefix: 'A' }, { first: 5 }, 'customer')).toEqual(['A-2'])
  expect(await skusOf({ isLow: true }, { first: 5 }, 'service')).toEqual(['A-1', 'A-2'])
  const asked = await execute(server.as('customer'), '{ inventoryItem(sku: "AX") { lowStockAt } }')
  expect(codesOf(asked)).toEqual(['FORBIDDEN'])
})
