import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { execute, serveTestApp, type TestServer } from '../../support/graphql.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

// A REST call and its GraphQL twin are one call: under one key of one caller, whichever comes first.

let server: TestServer
let count = 0

beforeAll(async () => {
  server = await serveTestApp()
})
afterAll(() => server.close())

/** What a twin answers with: of the order, and what is to be the same of it in both APIs. */
type Answer = { id: string; version: number; shipmentIds: string[] }

type Twins = { path: string; body: object; field: string; input: object }

/** An order of two lines, of which a part is shipped. */
async function place() {
  const skus = [`A-${++count}`, `B-${count}`] as const
  for (const sku of skus) await seed(server.app).item({ sku, available: 9 })
  const { id } = await seed(server.app).order({ lines: skus.map((sku): [string, number] => [sku, 4]) })
  await reserveOrders(server.app, [id])
  const { shipmentIds } = await byRest(`/api/orders/${id}/ship`, { lines: [{ sku: skus[0], qty: 2 }] })
  return { id, skus, shipmentId: shipmentIds[0]! }
}

/** A hold that nobody has looked at. */
async function placeHold(): Promise<string> {
  const { skus } = await place()
  return (await byRest('/api/order', { sku: skus[0], qty: 1, hold_seconds: 600 })).id
}

async function byRest(path: string, body: object, key?: string): Promise<Answer> {
  const response = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) },
    body: JSON.stringify(body),
  })
  expect(response.ok, await response.clone().text()).toBe(true)
  const { id, version, shipments } = (await response.json()) as Omit<Answer, 'shipmentIds'> & {
    shipments: { id: string }[]
  }
  return { id, version, shipmentIds: shipments.map((shipment) => shipment.id) }
}

async function byGraphql(field: string, input: object, idempotencyKey: string): Promise<Answer> {
  const type = `${field[0]!.toUpperCase()}${field.slice(1)}Input`
  const mutation = `mutation ($input: ${type}!) {
    ${field}(input: $input) { order { id version shipments { id } } userErrors { code message } }
  }`
  const { data, text } = await execute(server, mutation, { input: { ...input, idempotencyKey } })
  expect(data?.[field].userErrors, text).toEqual([])
  const { id, version, shipments } = data[field].order
  return { id, version, shipmentIds: shipments.map((shipment: { id: string }) => shipment.id) }
}

const TWINS: [string, () => Promise<Twins>][] = [
  [
    'createOrder',
    async () => {
      const { skus } = await place()
      const lines = skus.map((sku) => ({ sku, qty: 1 }))
      const order = { lines, locations: ['MAIN'], reference: 'SHOP-1' }
      return { path: '/api/order', body: order, field: 'createOrder', input: order }
    },
  ],
  [
    'createOrder in its short form',
    async () => {
      const { skus } = await place()
      const body = { sku: skus[0], qty: 1 }
      return { path: '/api/order', body, field: 'createOrder', input: { lines: [body] } }
    },
  ],
  [
    'cancelOrder',
    async () => {
      const { id, skus } = await place()
      const body = { lines: [{ sku: skus[1], qty: 1 }], note: 'no more' }
      return {
        path: `/api/orders/${id}/cancel`,
        body: { ...body, expected_version: 3 },
        field: 'cancelOrder',
        input: { id, ...body, expectedVersion: 3 },
      }
    },
  ],
  [
    'createOrder of a hold',
    async () => {
      const { skus } = await place()
      const order = { sku: skus[0], qty: 1 }
      return {
        path: '/api/order',
        body: { ...order, hold_seconds: 600, if_short: 'FAIL' },
        field: 'createOrder',
        input: { ...order, holdSeconds: 600, ifShort: 'FAIL' },
      }
    },
  ],
  [
    'extendHold',
    async () => {
      const id = await placeHold()
      return {
        path: `/api/orders/${id}/extend`,
        body: { hold_seconds: 60, expected_version: 1 },
        field: 'extendHold',
        input: { id, holdSeconds: 60, expectedVersion: 1 },
      }
    },
  ],
  [
    'confirmOrder',
    async () => {
      const id = await placeHold()
      return { path: `/api/orders/${id}/confirm`, body: {}, field: 'confirmOrder', input: { id } }
    },
  ],
  [
    'cancelOrder of all',
    async () => {
      const { id } = await place()
      return { path: `/api/orders/${id}/cancel`, body: {}, field: 'cancelOrder', input: { id } }
    },
  ],
  [
    'shipOrder',
    async () => {
      const { id, skus } = await place()
      const lines = [
        { sku: skus[0], qty: 1 },
        { sku: skus[1], qty: 1, location: 'MAIN' },
      ]
      const body = { lines, reference: 'PARCEL-1' }
      return { path: `/api/orders/${id}/ship`, body, field: 'shipOrder', input: { id, ...body } }
    },
  ],
  [
    'undoShipment',
    async () => {
      const { shipmentId: id } = await place()
      return {
        path: `/api/shipments/${id}/undo`,
        body: { note: 'never left' },
        field: 'undoShipment',
        input: { id, note: 'never left' },
      }
    },
  ],
  [
    'returnOrder',
    async () => {
      const { id, skus } = await place()
      // RESTOCK is what is meant where nothing is said
      const body = { lines: [{ sku: skus[0], qty: 1, disposition: 'RESTOCK' }] }
      const input = { id, lines: [{ sku: skus[0], qty: 1 }] }
      return { path: `/api/orders/${id}/return`, body, field: 'returnOrder', input }
    },
  ],
]

describe.each(TWINS)('%s', (name, prepare) => {
  test.each(['REST', 'GraphQL'])('by %s and then by the other, under one key, is one call', async (first) => {
    const { path, body, field, input } = await prepare()
    const key = `${name} ${first}`
    const calls = [() => byRest(path, body, key), () => byGraphql(field, input, key)]
    if (first === 'GraphQL') calls.reverse()
    const answer = await calls[0]!()
    expect(await calls[1]!()).toEqual(answer)
  })
})
