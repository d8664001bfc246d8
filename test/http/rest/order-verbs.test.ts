import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { seed } from '../../support/harness.ts'
import { type OrderServer, serveOrders } from './serve-orders.ts'

let server: OrderServer
beforeAll(async () => {
  server = await serveOrders()
})
afterAll(() => server.close())

async function stockOf(sku: string): Promise<{ available: number; reserved: number }> {
  const { available, reserved } = (await server.http.inject(`/api/inventory/${sku}`)).json()
  return { available, reserved }
}

describe('POST /api/orders/:id/cancel', () => {
  test('cancels all that is not shipped, once', async () => {
    const { url, sku } = await server.placeShipped()
    const answer = await server.post(`${url}/cancel`, { note: 'changed their mind' })
    expect(answer.statusCode).toBe(200)
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8')
    expect(answer.json()).toMatchObject({
      status: 'shipped',
      version: 4,
      lines: [{ sku, qty: 4, reserved: 0, waiting: 0, shipped: 3, cancelled: 1, returned: 0 }],
    })
    expect((await server.http.inject(url)).json()).toEqual(answer.json())
    expect(await stockOf(sku)).toEqual({ available: 7, reserved: 0 })
  })

  test('answers with an order that is cancelled already as it is', async () => {
    const { url, sku } = await server.place()
    const first = (await server.post(`${url}/cancel`)).json()
    expect(first).toMatchObject({ status: 'cancelled', version: 3 })
    expect((await server.post(`${url}/cancel`)).json()).toEqual(first)
    expect(await stockOf(sku)).toEqual({ available: 10, reserved: 0 })
  })

  test('cancels a part', async () => {
    const { url, skus } = await server.place({ qtys: [4, 5] })
    const answer = await server.post(`${url}/cancel`, { lines: [{ sku: skus[1], qty: 2 }] })
    expect(answer.json()).toMatchObject({
      status: 'reserved',
      lines: [{ reserved: 4 }, { reserved: 3, cancelled: 2 }],
    })
  })

  test('keeps who asked for it and the note', async () => {
    const { id, url } = await server.place({ customerId: 'alice' })
    await server.post(`${url}/cancel`, { note: 'no more' }, undefined, server.customer)
    const event = await server.app.prisma.orderEvent.findFirst({ where: { orderId: id, version: 3 } })
    expect(event).toMatchObject({ type: 'OrderCancelled', actor: 'alice', note: 'no more' })
  })
})

describe('POST /api/orders/:id/ship', () => {
  test('ships all that is reserved, with a shipment for each location', async () => {
    const { url, skus } = await server.place({ qtys: [4, 5] })
    await seed(server.app).stock({ sku: skus[1]!, location: 'NORTH', qty: 9 })
    const lines = [
      { sku: skus[0], qty: 4 },
      { sku: skus[1], qty: 5, location: 'NORTH' },
    ]
    const answer = await server.post(`${url}/ship`, { lines, reference: 'PARCEL-1' })
    expect(answer.statusCode).toBe(200)
    const order = answer.json()
    const shipment = { reference: 'PARCEL-1', undone_at: null, created_at: order.updated_at }
    expect(order).toMatchObject({ status: 'shipped', version: 3, lines: [{ shipped: 4 }, { shipped: 5 }] })
    expect(order.shipments).toHaveLength(2)
    expect(order.shipments).toEqual(
      expect.arrayContaining([
        { ...shipment, id: expect.any(String), location: 'MAIN', lines: [{ sku: skus[0], qty: 4 }] },
        { ...shipment, id: expect.any(String), location: 'NORTH', lines: [{ sku: skus[1], qty: 5 }] },
      ]),
    )
    expect((await server.http.inject(url)).json()).toEqual(order)
  })

  test('ships what is left from the location that is named', async () => {
    const { url, sku } = await server.placeShipped()
    await seed(server.app).stock({ sku, location: 'NORTH', qty: 1 })
    const order = (await server.post(`${url}/ship`, { location: 'NORTH' })).json()
    expect(order).toMatchObject({
      status: 'shipped',
      shipments: [{ location: 'MAIN' }, { location: 'NORTH' }],
    })
  })

  test('names the shipment in the ledger', async () => {
    const { sku, id, shipmentId } = await server.placeShipped()
    const { data } = (await server.http.inject(`/api/inventory/${sku}/movements`)).json()
    expect(data[0]).toMatchObject({
      type: 'SHIPMENT',
      delta: 0,
      reserved_delta: -3,
      reserved_after: 1,
      order_id: id,
      order_version: 3,
      shipment_id: shipmentId,
    })
  })
})

describe('POST /api/shipments/:id/undo', () => {
  test('restores the promise', async () => {
    const { url, sku, shipmentId } = await server.placeShipped()
    const answer = await server.post(`/api/shipments/${shipmentId}/undo`, { note: 'never left' })
    expect(answer.statusCode).toBe(200)
    const order = answer.json()
    expect(order).toMatchObject({
      status: 'reserved',
      version: 4,
      lines: [{ reserved: 4, shipped: 0 }],
      shipments: [{ id: shipmentId, undone_at: order.updated_at }],
    })
    expect((await server.http.inject(url)).json()).toEqual(order)
    expect(await stockOf(sku)).toEqual({ available: 6, reserved: 4 })
  })
})

describe('POST /api/orders/:id/return', () => {
  test('restocks or discards what was shipped', async () => {
    const { url, sku } = await server.placeShipped()
    const lines = [
      { sku, qty: 1 },
      { sku, qty: 2, disposition: 'DISCARD' },
    ]
    const answer = await server.post(`${url}/return`, { lines, location: 'NORTH', note: 'broken' })
    expect(answer.statusCode).toBe(200)
    expect(answer.json()).toMatchObject({
      status: 'partially_shipped',
      version: 4,
      lines: [{ shipped: 3, returned: 3 }],
    })
    const { levels } = (await server.http.inject(`/api/inventory/${sku}`)).json()
    expect(levels).toMatchObject([
      { location: 'MAIN', available: 6, reserved: 1 },
      { location: 'NORTH', available: 1, reserved: 0 },
    ])
  })
})
