import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { execute } from '../../support/graphql.ts'
import { seed } from '../../support/harness.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

const json = { 'content-type': 'application/json' }

test('takes goods in, and answers with the level and the movement', async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 1 })
  await seed(app).location('WEST')
  const http = await serveRest(app)
  const payload = { qty: 24, location: 'WEST', reason: 'truck', reference: 'DELIVERY-17' }
  const answer = await http.inject({ method: 'POST', url: '/api/inventory/A/receive', payload })
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual({
    level: {
      location: 'WEST',
      available: 24,
      reserved: 0,
      on_hand: 24,
      safety_stock: 0,
      available_to_promise: 24,
    },
    movement: {
      id: expect.stringMatching(/^\d+$/),
      sku: 'A',
      location: 'WEST',
      type: 'RECEIPT',
      delta: 24,
      reserved_delta: 0,
      available_after: 24,
      reserved_after: 0,
      order_id: null,
      order_version: null,
      shipment_id: null,
      reason: 'truck',
      reference: 'DELIVERY-17',
      actor: LOCAL_OPERATOR.id,
      created_at: expect.any(String),
    },
  })
  await http.close()
})

test('is one call with its GraphQL twin under one key', async ({ app, server }) => {
  await seed(app).item({ sku: 'TWIN' })
  const rest = await fetch(`${server.url}/api/inventory/TWIN/receive`, {
    method: 'POST',
    headers: { ...json, 'idempotency-key': '"twin"' },
    body: '{"qty":3}',
  })
  const { movement } = (await rest.json()) as { movement: { id: string } }
  const receive = (qty: number) =>
    execute(
      server,
      `mutation { receiveInventory(input: { sku: "TWIN", qty: ${qty}, idempotencyKey: "twin" })
        { movement { id } level { onHand location { code } } userErrors { code } } }`,
    )
  expect((await receive(3)).data.receiveInventory).toEqual({
    movement: { id: movement.id },
    level: { onHand: 3, location: { code: 'MAIN' } },
    userErrors: [],
  })
  expect((await receive(4)).data.receiveInventory).toMatchObject({
    movement: null,
    level: null,
    userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED' }],
  })
})

test('is refused by what is wrong, and changes nothing', async ({ app }) => {
  await seed(app).item({ sku: 'B', available: 1 })
  const http = await serveRest(app)
  const before = await readEverything(app)
  const bad = [
    ['NONE', { qty: 1 }, 404, 'NOT_FOUND', undefined],
    ['a%20b', { qty: 1 }, 404, 'NOT_FOUND', undefined],
    ['B', { qty: 0 }, 422, 'INVALID_QTY', '#/qty'],
    ['B', { qty: 1.5 }, 422, 'INVALID_QTY', '#/qty'],
    ['B', { qty: 2_147_483_648 }, 422, 'INVALID_QTY', '#/qty'],
    ['B', { qty: '1' }, 422, 'MALFORMED_BODY', '#/qty'],
    ['B', {}, 422, 'MALFORMED_BODY', '#/qty'],
    ['B', { qty: 1, available: 5 }, 422, 'MALFORMED_BODY', '#/available'],
    ['B', { qty: 1, location: 'NOWHERE' }, 422, 'UNKNOWN_LOCATION', '#/location'],
    ['B', { qty: 1, reason: ' ' }, 422, 'MALFORMED_BODY', '#/reason'],
    ['B', { qty: 1, reference: 'x'.repeat(201) }, 422, 'MALFORMED_BODY', '#/reference'],
  ] as const
  for (const [sku, payload, status, code, pointer] of bad) {
    const headers = { 'idempotency-key': 'k' }
    const answer = await http.inject({
      method: 'POST',
      url: `/api/inventory/${sku}/receive`,
      payload,
      headers,
    })
    const problem = expectProblem(answer, status, code)
    expect(problem.errors, JSON.stringify(payload)).toEqual(
      pointer && [{ detail: expect.any(String), pointer }],
    )
  }
  const key = { 'idempotency-key': ' ' }
  const url = '/api/inventory/B/receive'
  const malformed = await http.inject({ method: 'POST', url, payload: { qty: 1 }, headers: key })
  expectProblem(malformed, 422, 'INVALID_IDEMPOTENCY_KEY')
  expect(await readEverything(app)).toEqual(before)
  await http.close()
})
