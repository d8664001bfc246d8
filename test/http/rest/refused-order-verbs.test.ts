import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AVAILABLE_MAX } from '../../../src/domain/stock/stock.ts'
import type { ProblemCode } from '../../../src/http/rest/problem.ts'
import { seed } from '../../support/harness.ts'
import { readEverything } from '../../support/rest-orders.ts'
import { type OrderServer, serveOrders } from './serve-orders.ts'
import { expectProblem } from './serve-rest.ts'

let server: OrderServer
beforeAll(async () => {
  server = await serveOrders()
})
afterAll(() => server.close())

describe.each(['cancel', 'ship', 'return'])('the lines of %s', (verb) => {
  const many = Array.from({ length: 101 }, (_, i) => ({ sku: `MANY-${i}`, qty: 1 }))
  test.each<[string, (sku: string) => object[], ProblemCode, pointer: string, limit?: number]>([
    ['none', () => [], 'INVALID_LINES', '#/lines'],
    ['101', () => many, 'INVALID_LINES', '#/lines'],
    ['a qty of 0', (sku) => [{ sku, qty: 0 }], 'INVALID_QTY', '#/lines/0/qty'],
    ['a qty of 1,000,001', (sku) => [{ sku, qty: 1_000_001 }], 'INVALID_QTY', '#/lines/0/qty'],
    [
      'a SKU twice',
      (sku) => [
        { sku, qty: 1 },
        { sku, qty: 1 },
      ],
      'DUPLICATE_SKU',
      '#/lines/1/sku',
    ],
    [
      'an unknown SKU',
      (sku) => [
        { sku, qty: 1 },
        { sku: 'NO', qty: 1 },
      ],
      'UNKNOWN_SKU',
      '#/lines/1/sku',
    ],
    ['more than would go', (sku) => [{ sku, qty: 5 }], 'QTY_EXCEEDED', '#/lines/0/qty', 4],
  ])('refuses %s', async (_, linesOf, code, pointer, limit) => {
    const { url, sku } = await server.place()
    if (verb === 'return') await server.post(`${url}/ship`)
    const before = await readEverything(server.app)
    const answer = await server.post(`${url}/${verb}`, { lines: linesOf(sku) }, `lines of ${verb}`)
    const problem = expectProblem(answer, 422, code)
    expect(problem.errors).toMatchObject([{ pointer }])
    expect(problem.limit).toBe(limit)
    expect(await readEverything(server.app)).toEqual(before)
  })

  test.each<[string, (sku: string) => unknown, pointer: string]>([
    ['an unknown field', (sku) => [{ sku, qty: 1, price: 1 }], '#/lines/0/price'],
    ['no SKU', () => [{ qty: 1 }], '#/lines/0/sku'],
    ['a qty that is a string', (sku) => [{ sku, qty: '1' }], '#/lines/0/qty'],
    ['no list', (sku) => ({ sku, qty: 1 }), '#/lines'],
  ])('answers 422 to another shape: %s', async (_, linesOf, pointer) => {
    const { url, sku } = await server.place()
    const { errors } = expectProblem(
      await server.post(`${url}/${verb}`, { lines: linesOf(sku) }),
      422,
      'MALFORMED_BODY',
    )
    expect(errors).toMatchObject([{ pointer }])
  })
})

describe('what cannot be done', () => {
  async function refuse(url: string, payload: object, status: number, code: ProblemCode) {
    const before = await readEverything(server.app)
    const problem = expectProblem(await server.post(url, payload, 'cannot be done'), status, code)
    expect(await readEverything(server.app)).toEqual(before)
    return problem
  }

  test('is a 409 in the wrong state', async () => {
    const short = await server.place({ isShort: true })
    await refuse(`${short.url}/ship`, {}, 409, 'WRONG_STATE')
    const reserved = await server.place()
    await refuse(`${reserved.url}/return`, { lines: [{ sku: reserved.sku, qty: 1 }] }, 409, 'WRONG_STATE')
    await server.post(`${reserved.url}/ship`)
    await refuse(`${reserved.url}/cancel`, {}, 409, 'WRONG_STATE')
    await refuse(`${reserved.url}/ship`, {}, 409, 'WRONG_STATE')
    const { shipmentId } = await server.placeShipped()
    await server.post(`/api/shipments/${shipmentId}/undo`)
    const problem = await refuse(`/api/shipments/${shipmentId}/undo`, {}, 409, 'WRONG_STATE')
    // the path names what is to blame
    expect(problem.errors).toBeUndefined()
  })

  test('names the limit of a shipment that more came back of than would be left', async () => {
    const { url, sku, shipmentId } = await server.placeShipped()
    await server.post(`${url}/return`, { lines: [{ sku, qty: 2 }] })
    const { limit } = await refuse(`/api/shipments/${shipmentId}/undo`, {}, 422, 'QTY_EXCEEDED')
    expect(limit).toBe(1)
  })

  test('names the limit of a location that has not enough', async () => {
    const { url, sku } = await server.place()
    await seed(server.app).stock({ sku, location: 'NORTH', qty: 2 })
    const lines = [{ sku, qty: 4, location: 'NORTH' }]
    const { limit, errors } = await refuse(`${url}/ship`, { lines }, 422, 'INSUFFICIENT_STOCK')
    expect(limit).toBe(2)
    expect(errors).toMatchObject([{ pointer: '#/lines/0/qty' }])
  })

  test.each(['NOWHERE', 'no place', ''])('refuses the location %j', async (location) => {
    const { url, sku } = await server.placeShipped()
    const atLine = [{ sku, qty: 1, location }]
    for (const [verb, payload, pointer] of [
      ['ship', { location }, '#/location'],
      ['ship', { lines: atLine }, '#/lines/0/location'],
      ['return', { lines: [{ sku, qty: 1 }], location }, '#/location'],
    ] as const) {
      const { errors } = await refuse(`${url}/${verb}`, payload, 422, 'UNKNOWN_LOCATION')
      expect(errors).toMatchObject([{ pointer }])
    }
  })

  test('refuses a disposition that it does not know', async () => {
    const { url, sku } = await server.placeShipped()
    const lines = [{ sku, qty: 1, disposition: 'SELL' }]
    const { errors } = await refuse(`${url}/return`, { lines }, 422, 'MALFORMED_BODY')
    expect(errors).toMatchObject([{ pointer: '#/lines/0/disposition' }])
    await refuse(`${url}/return`, {}, 422, 'MALFORMED_BODY')
  })

  test('refuses to bring stock beyond 2^53', async () => {
    const { url, sku, shipmentId } = await server.placeShipped()
    server.testApp.allowBreaches(
      'no ledger of a test comes to such quantities',
      'available is the sum of the movements',
      'each movement follows from the one before',
    )
    await server.app.prisma.stockLevel.updateMany({ where: { sku }, data: { available: AVAILABLE_MAX - 1n } })
    const { errors } = await refuse(`${url}/return`, { lines: [{ sku, qty: 1 }] }, 422, 'INVALID_QTY')
    expect(errors).toMatchObject([{ pointer: '#/lines' }])
    await refuse(`/api/shipments/${shipmentId}/undo`, {}, 422, 'INVALID_QTY')
  })
})
