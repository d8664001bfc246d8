import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Role } from '../../../src/domain/caller.ts'
import { createTestApp, seed, type TestApp } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { expectProblem, serveRest } from './serve-rest.ts'

let server: TestApp
let http: FastifyInstance

beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
})

afterAll(async () => {
  await http.close()
  await server.close()
})

/** 5 at MAIN, 3 of them safety stock, and 7 at a location that orders take nothing from. One is reserved. */
async function seedItem(sku: string): Promise<void> {
  const { app } = server
  await seed(app).location('QUARANTINE', { isActive: false })
  await seed(app).item({ sku, available: 5 })
  await seed(app).stock({ sku, location: 'QUARANTINE', qty: 7 })
  await app.prisma.stockLevel.updateMany({ where: { sku, locationCode: 'MAIN' }, data: { safetyStock: 3 } })
  await reserveOrders(app, [(await seed(app).order({ sku })).id])
}

test('says what there is of a SKU, and of it at each location', async () => {
  await seedItem('PLACED')
  const answer = await http.inject('/api/inventory/PLACED')
  expect(answer.statusCode).toBe(200)
  expect(answer.json()).toEqual({
    sku: 'PLACED',
    name: 'PLACED',
    available: 11,
    reserved: 1,
    on_hand: 12,
    available_to_promise: 1,
    levels: [
      { location: 'MAIN', available: 4, reserved: 1, on_hand: 5, safety_stock: 3, available_to_promise: 1 },
      {
        location: 'QUARANTINE',
        available: 7,
        reserved: 0,
        on_hand: 7,
        safety_stock: 0,
        available_to_promise: 7,
      },
    ],
  })
})

test.each<[Role, boolean]>([
  ['customer', false],
  ['service', true],
  ['operator', true],
])('tells a %s what is at each location: %s', async (role, isTold) => {
  await seedItem(`FOR-${role}`)
  const theirs = await serveRest(server.app, { caller: { id: 'alice', role, expiresAt: null } })
  const body = (await theirs.inject(`/api/inventory/FOR-${role}`)).json()
  expect(body).toMatchObject({ available: 11, reserved: 1, available_to_promise: 1 })
  expect('levels' in body).toBe(isTold)
  await theirs.close()
})

test('says of an item that never had stock that there is none', async () => {
  await seed(server.app).item({ sku: 'EMPTY' })
  expect((await http.inject('/api/inventory/EMPTY')).json()).toMatchObject({
    available: 0,
    reserved: 0,
    on_hand: 0,
    available_to_promise: 0,
  })
})

test.each(['NOWHERE', 'placed', 'a%20b', 'a%00b', "a'b", '%zz', 'x'.repeat(500)])(
  'answers 404 to the SKU %s',
  async (sku) => {
    expectProblem(await http.inject(`/api/inventory/${sku}`), 404, 'NOT_FOUND')
  },
)
