import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

let server: TestApp
let http: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  await seed(server.app).item({ sku: 'WIDGET', available: 10 })
})

afterAll(async () => {
  await http.close()
  await server.close()
})

describe('GET /api/orders/:id', () => {
  test('says in lower case how the order stands', async () => {
    const { id } = await seed(server.app).order({ sku: 'WIDGET', qty: 1_000 })
    expect((await http.inject(`/api/orders/${id}`)).json()).toMatchObject({
      id,
      status: 'pending',
      version: 1,
    })
    await reserveOrders(server.app, [id])
    const answer = await http.inject(`/api/orders/${id}`)
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({ id, status: 'awaiting_restock', version: 2 })
  })

  test('names why an order failed', async () => {
    const orderId = (await seed(server.app).order({ sku: 'WIDGET', qty: 1_000 })).id
    await reserveOrders(server.app, [orderId])
    await settleSupplierOutcomes(server.app, [
      { orderId, sku: 'WIDGET', step: 1, outcome: { kind: 'accepted', ref: '1234' } },
    ])
    await settleSupplierOutcomes(server.app, [{ orderId, sku: 'WIDGET', step: 2, outcome: { kind: 'fail' } }])
    expect((await http.inject(`/api/orders/${orderId}`)).json()).toMatchObject({
      status: 'failed',
      failure_reason: 'SUPPLIER_FAILED',
      supplier_ref: '1234',
      version: 3,
    })
  })

  test.each([
    '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a',
    '00000000-0000-0000-0000-000000000000',
    '1',
    'not-a-uuid',
    'a%00b',
    '%zz',
    '%E0%A4%A',
    '..%2Forders',
    'x'.repeat(500),
  ])('answers 404 to the id %s', async (id) => {
    expectProblem(await http.inject(`/api/orders/${id}`), 404, 'NOT_FOUND')
  })
})
