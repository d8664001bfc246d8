import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { countInventory } from '../../../src/use-cases/stock/verbs/count-inventory.ts'
import { transferInventory } from '../../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { listenAt } from '../../support/webhooks.ts'

/** The ids of orders, by the state that they are in. */
export type OrderIds = {
  reserved: string
  /** Not looked at yet. */
  open: string
  /** Waits for its supplier. */
  waiting: string
  /** A part was shipped, a shipment was undone, and goods came back. */
  shipped: string
  /** Of three lines, two of which wait. */
  several: string
  /** As `several`, and cancelled. */
  over: string
  /** A part was shipped, and the rest is promised no more. */
  torn: string
}

/** Has use-cases write rows of every table, with orders in every state. */
export async function seedEveryState(app: App): Promise<OrderIds> {
  await seed(app).item({ sku: 'A', available: 5 })
  await seed(app).item({ sku: 'B', available: 5 })
  const reserved = (await seed(app).order({ sku: 'A', qty: 2 })).id
  const fromSupplier = (await seed(app).order({ sku: 'A', qty: 9 })).id
  const failed = (await seed(app).order({ sku: 'A', qty: 9 })).id
  const waiting = (await seed(app).order({ sku: 'A', qty: 9 })).id
  const shipped = (await seed(app).order({ sku: 'B', qty: 3 })).id
  const cancelled = (await seed(app).order({ sku: 'B', qty: 1 })).id
  await reserveOrders(app, [reserved, fromSupplier, failed, waiting, shipped, cancelled])
  await settleSupplierOutcomes(app, [
    { orderId: fromSupplier, step: 1, outcome: { kind: 'ok' } },
    { orderId: failed, step: 1, outcome: { kind: 'refused' } },
  ])
  await shipOrder(app, LOCAL_OPERATOR, { id: shipped, lines: [{ sku: 'B', qty: 1 }] })
  const { shipments } = await shipOrder(app, LOCAL_OPERATOR, { id: shipped, lines: [{ sku: 'B', qty: 1 }] })
  await undoShipment(app, LOCAL_OPERATOR, { id: shipments[0]!.id })
  await returnOrder(app, LOCAL_OPERATOR, { id: shipped, lines: [{ sku: 'B', qty: 1 }] })
  await cancelOrder(app, LOCAL_OPERATOR, { id: cancelled })
  // of several lines, two of which are short, with stock elsewhere
  await seed(app).location('WEST')
  for (const sku of ['C', 'D', 'E']) await seed(app).item({ sku, location: 'WEST' })
  await seed(app).stock({ sku: 'C', location: 'WEST', qty: 5 })
  const placeSeveral = async (each: number) => {
    const lines = ['C', 'D', 'E'].map((sku): [string, number] => [sku, each])
    const { id } = await seed(app).order({ lines })
    await reserveOrders(app, [id])
    return id
  }
  const several = await placeSeveral(2)
  const over = await placeSeveral(1)
  await cancelOrder(app, LOCAL_OPERATOR, { id: over })
  // part-shipped, and then promised no more
  await seed(app).item({ sku: 'F', available: 3 })
  const torn = (await seed(app).order({ sku: 'F', qty: 3 })).id
  await reserveOrders(app, [torn])
  await shipOrder(app, LOCAL_OPERATOR, { id: torn, lines: [{ sku: 'F', qty: 1 }] })
  const found = {
    counts: [{ sku: 'F', counted: 1n }],
    reason: 'yearly',
    onShortfall: 'UNRESERVE_NEWEST',
  } as const
  await countInventory(app, LOCAL_OPERATOR, found)
  await serveWaiting(app, { sku: 'F' })
  await seed(app).item({ sku: 'G', available: 3 })
  const lines = [{ sku: 'G', qty: 1 }]
  const transfer = { from: 'MAIN', to: 'WEST', lines, idempotencyKey: 'transfer' }
  await transferInventory(app, LOCAL_OPERATOR, transfer)
  const open = (await seed(app).order({ sku: 'A', qty: 1 })).id
  await listenAt(app, 'https://shop.example/hooks', ['*'])
  return { reserved, open, waiting, shipped, several, over, torn }
}
