import { expect } from 'vitest'
import { sharedTest as test } from '../support/fixtures.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'

test('a transfer shows what left and what came', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 5 })
  await seed(app).location('WEST')
  const transfer = (qty: number) =>
    execute(
      server,
      `mutation ($qty: Int!) {
        transferInventory(input: { from: "MAIN", to: "WEST", lines: [{ sku: "A", qty: $qty }], reference: "T-1" }) {
          movements { type delta location { code } onHandAfter reference actor }
          userErrors { code field limit }
        }
      }`,
      { qty },
    )
  expect((await transfer(6)).data.transferInventory).toEqual({
    movements: [],
    userErrors: [{ code: 'INSUFFICIENT_STOCK', field: ['input', 'lines', '0', 'qty'], limit: 5 }],
  })
  expect((await transfer(2)).data.transferInventory.movements).toMatchObject([
    { type: 'TRANSFER_OUT', delta: -2, location: { code: 'MAIN' }, onHandAfter: 3, reference: 'T-1' },
    { type: 'TRANSFER_IN', delta: 2, location: { code: 'WEST' }, onHandAfter: 2 },
  ])
})

test('a count names the orders that it sent back to waiting, and their history tells', async ({
  app,
  server,
}) => {
  await seed(app).item({ sku: 'B', available: 5 })
  const { id } = await seed(app).order({ sku: 'B', qty: 4 })
  await reserveOrders(app, [id])
  const { data: sheet } = await execute(server, '{ movements(sku: "B", first: 1) { edges { node { id } } } }')
  const asOf: string = sheet.movements.edges[0].node.id
  const { data, errors } = await execute(
    server,
    `mutation ($asOf: ID) {
      countInventory(input: {
        counts: [{ sku: "B", counted: 3, asOf: $asOf }, { sku: "NONE", counted: 1 }]
        reason: "yearly", onShortfall: UNRESERVE_NEWEST, errorPolicy: SKIP_FAILED
      }) {
        results { index sku before after movement { type delta reason } userErrors { code field } }
        changed refused
        unreserved { id status ifShort lines { reserved waiting } events { type note lines { sku qty location { code } } } }
        userErrors { code }
      }
    }`,
    { asOf },
  )
  expect(errors).toBeUndefined()
  expect(data.countInventory).toMatchObject({
    results: [
      { index: 0, sku: 'B', before: 5, after: 3, movement: { type: 'COUNT', delta: -2, reason: 'yearly' } },
      {
        index: 1,
        sku: 'NONE',
        before: null,
        after: null,
        movement: null,
        userErrors: [{ code: 'UNKNOWN_SKU', field: ['input', 'counts', '1', 'sku'] }],
      },
    ],
    changed: 1,
    refused: 1,
    unreserved: [{ id, status: 'AWAITING_RESTOCK', ifShort: 'WAIT', lines: [{ reserved: 0, waiting: 4 }] }],
    userErrors: [],
  })
  expect(data.countInventory.unreserved[0].events.at(-1)).toEqual({
    type: 'OrderUnreserved',
    note: 'yearly',
    lines: [{ sku: 'B', qty: 4, location: { code: 'MAIN' } }],
  })
})

test('a thousand changes are answered in full', async ({ app, server }) => {
  await seed(app).item({ sku: 'C' })
  const changes = Array.from({ length: 1_000 }, () => ({ sku: 'C', delta: 1, location: null }))
  const { data, errors } = await execute(
    server,
    `mutation ($changes: [InventoryDeltaInput!]!) {
      adjustInventories(input: { changes: $changes, reason: "delivery" }) {
        results { index sku before after userErrors { code message field limit }
          movement { id sku type delta reservedDelta availableAfter reason reference actor createdAt location { code name } } }
        changed refused userErrors { code }
      }
    }`,
    { changes },
  )
  expect(errors).toBeUndefined()
  const { results, ...counts } = data.adjustInventories
  expect(counts).toEqual({ changed: 1_000, refused: 0, userErrors: [] })
  expect(results.at(-1)).toMatchObject({ index: 999, before: 999, after: 1_000, movement: { delta: 1 } })
})

test('adjustInventory takes back promises where it may, and is made once under its key', async ({
  app,
  server,
}) => {
  await seed(app).item({ sku: 'D', available: 2 })
  const { id } = await seed(app).order({ sku: 'D', qty: 2 })
  await reserveOrders(app, [id])
  const adjust = (more: string) =>
    execute(
      server,
      `mutation { adjustInventory(input: { sku: "D", delta: -1, reason: "broken"${more} })
        { inventoryItem { available onHand } movement { id } userErrors { code limit } } }`,
    )
  expect((await adjust('')).data.adjustInventory.userErrors).toEqual([
    { code: 'INSUFFICIENT_STOCK', limit: 0 },
  ])
  const may = ', onShortfall: UNRESERVE_NEWEST, idempotencyKey: "broken-1"'
  const { data } = await adjust(may)
  expect(data.adjustInventory).toMatchObject({ inventoryItem: { available: 1, onHand: 1 }, userErrors: [] })
  expect((await adjust(may)).data).toEqual(data)
})
