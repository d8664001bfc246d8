import { expect } from 'vitest'
import type { Order } from '../../src/domain/orders/order.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { serveRoles } from '../support/roles.ts'

const RESULT = `order {
    status version
    lines { sku qty reserved waiting shipped cancelled returned allocations { qty location { code } } }
  }
  userErrors { code field limit }`
const VERBS = {
  cancelOrder: `mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { ${RESULT} } }`,
  shipOrder: `mutation ($input: ShipOrderInput!) {
    shipOrder(input: $input) { shipments { id reference location { code } lines { sku qty } } ${RESULT} }
  }`,
  undoShipment: `mutation ($input: UndoShipmentInput!) { undoShipment(input: $input) { ${RESULT} } }`,
  returnOrder: `mutation ($input: ReturnOrderInput!) { returnOrder(input: $input) { ${RESULT} } }`,
}
export type Verb = keyof typeof VERBS

/** A line as calls take it. */
export const line = (sku: string, qty: number, more: object = {}) => ({ sku, qty, ...more })

/** A server with stock of A at MAIN and of B at WEST, and what changes orders there. */
export async function serveOrders() {
  const server = await serveRoles()
  const { app } = server.testApp
  await seed(app).location('WEST', { priority: 200 })
  await seed(app).location('CLOSED', { isActive: false })
  await seed(app).item({ sku: 'A', available: 100_000 })
  await seed(app).item({ sku: 'B', available: 100_000, location: 'WEST' })
  await seed(app).item({ sku: 'NONE' })

  async function call(verb: Verb, input: object, who = 'operator') {
    const { data, errors } = await execute(server.as(who), VERBS[verb], { input })
    expect(errors).toBeUndefined()
    return data[verb]
  }

  /** An order of 4 of A at MAIN and 2 of B at WEST. */
  async function place({ customerId = 'alice' as string | null, isReserved = true } = {}): Promise<Order> {
    const order = await seed(app).order({
      lines: [
        ['A', 4],
        ['B', 2],
      ],
      customerId,
    })
    if (isReserved) await reserveOrders(app, [order.id])
    return order
  }

  return { ...server, call, place }
}

export type OrderServer = Awaited<ReturnType<typeof serveOrders>>
