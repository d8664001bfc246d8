import { createTestApp, seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { serveRest } from './serve-rest.ts'

/** The REST API for an operator and for the customer alice, and what places orders and calls their verbs. */
export async function serveOrders() {
  const testApp = await createTestApp()
  const { app } = testApp
  const http = await serveRest(app)
  const customer = await serveRest(app, { caller: { id: 'alice', role: 'customer', expiresAt: null } })
  await seed(app).location('NORTH')
  let skuCount = 0

  function post(url: string, payload: object = {}, key?: string, on = http) {
    const headers = key === undefined ? {} : { 'idempotency-key': key }
    return on.inject({ method: 'POST', url, payload, headers })
  }

  /** An order of lines of these quantities, of which more than enough is there or nothing at all. */
  async function place({ qtys = [4], isShort = false, customerId = null as string | null } = {}) {
    const skus = qtys.map(() => `SKU-${++skuCount}`)
    for (const sku of skus) await seed(app).item({ sku, available: isShort ? 0 : 10 })
    const lines = skus.map((sku, index): [string, number] => [sku, qtys[index]!])
    const { id } = await seed(app).order({ lines, customerId })
    await reserveOrders(app, [id])
    return { id, skus, sku: skus[0]!, url: `/api/orders/${id}` }
  }

  /** An order of one line of 4 pieces, of which 3 are shipped. */
  async function placeShipped() {
    const order = await place()
    const { sku, url } = order
    const answer = await post(`${url}/ship`, { lines: [{ sku, qty: 3 }] })
    return { ...order, shipmentId: answer.json().shipments[0].id as string }
  }

  async function close() {
    await Promise.all([http.close(), customer.close()])
    await testApp.close()
  }

  return { testApp, app, http, customer, post, place, placeShipped, close }
}

export type OrderServer = Awaited<ReturnType<typeof serveOrders>>
