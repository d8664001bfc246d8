import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { EVENT_NAMES, WEBHOOK_TEST } from '../../../src/domain/webhooks/event-names.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { confirmOrder } from '../../../src/use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../../src/use-cases/orders/verbs/extend-hold.ts'
import { returnOrder } from '../../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { countInventory } from '../../../src/use-cases/stock/verbs/count-inventory.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import { testWebhook } from '../../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { serveRest } from '../../http/rest/serve-rest.ts'
import { failOrder } from '../../support/fail-order.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'
import { expireHold } from '../../support/holds.ts'
import { checkBySchema, type Json } from '../../support/openapi.ts'
import { changeJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { type Received, type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { listenAt } from '../../support/webhooks.ts'

// All that can happen has happened before a worker sends it: so what is sent is what REST answers with.

let test_: TestApp
let http: FastifyInstance
let receiver: Receiver
let document: Json
let webhookId: string

beforeAll(async () => {
  test_ = await createTestApp()
  const { app } = test_
  http = await serveRest(app)
  document = (await http.inject('/openapi.json')).json()
  receiver = await startReceiver()
  webhookId = (await listenAt(app, receiver.url, ['*'])).id
  await shipAndReturn()
  await endOtherwise()
  await fallShort()
  await crossThresholds()
  await testWebhook(app, LOCAL_OPERATOR, webhookId)
  // orders stay as they are: their jobs come later
  await changeJobs(app.pool, { dueInMs: 3_600_000 })
  const worker = await startTestWorker(test_)
  await eventually(async () => {
    const [state] = (
      await app.pool.query(
        `select cursor >= (select last_value from inventory_movements_id_seq)
          and not exists (select from webhook_deliveries where status <> 'DELIVERED') as "isDone"
        from webhooks`,
      )
    ).rows
    return state.isDone
  })
  await worker.stop()
})
afterAll(async () => {
  await http.close()
  await receiver.close()
  await test_.close()
})

async function reservedOrder(sku: string, qty: number, options = {}): Promise<string> {
  const { id } = await seed(test_.app).order({ sku, qty, ifShort: 'WAIT', ...options })
  await reserveOrders(test_.app, [id])
  return id
}

/** `order.created`, `reserved`, `hold_extended`, `confirmed`, `shipped`, `shipment_undone`, `returned`. */
async function shipAndReturn(): Promise<void> {
  const { app } = test_
  await seed(app).item({ sku: 'SHIPPED', available: 10 })
  const id = await reservedOrder('SHIPPED', 4, { holdSeconds: 60 })
  await extendHold(app, LOCAL_OPERATOR, { id, holdSeconds: 600 })
  await confirmOrder(app, LOCAL_OPERATOR, { id })
  const { shipments } = await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'SHIPPED', qty: 1 }] })
  await undoShipment(app, LOCAL_OPERATOR, { id: shipments[0]!.id })
  await shipOrder(app, LOCAL_OPERATOR, { id, reference: 'parcel 7' })
  await returnOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku: 'SHIPPED', qty: 2 }], note: 'too small' })
}

/** `order.cancelled`, `expired`, `failed`, `reopened`. */
async function endOtherwise(): Promise<void> {
  const { app } = test_
  await seed(app).item({ sku: 'ENDED', available: 10 })
  await cancelOrder(app, LOCAL_OPERATOR, { id: await reservedOrder('ENDED', 1) })
  await expireHold(app, await reservedOrder('ENDED', 1, { holdSeconds: 60 }))
  const { id } = await seed(app).order({ sku: 'ENDED' })
  await failOrder(app, id)
  const letters = await app.prisma.deadLetter.findMany()
  await retryDeadLetters(
    app,
    LOCAL_OPERATOR,
    letters.map((letter) => letter.id),
  )
  await reserveOrders(app, [id])
}

/** `order.awaiting_restock`, `unreserved`. */
async function fallShort(): Promise<void> {
  const { app } = test_
  await seed(app).item({ sku: 'SHORT', available: 5 })
  await reservedOrder('SHORT', 5)
  await reservedOrder('SHORT', 2)
  const counts = [{ sku: 'SHORT', counted: 3n }]
  await countInventory(app, LOCAL_OPERATOR, { counts, reason: 'yearly', onShortfall: 'UNRESERVE_NEWEST' })
}

/** `inventory.changed`, `stock.low`, `out`, `back`. */
async function crossThresholds(): Promise<void> {
  const { app } = test_
  await seed(app).item({ sku: 'CROSSED', available: 5 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'CROSSED', lowStockAt: 3n })
  for (const qty of [-3, -2, 7]) await seed(app).stock({ sku: 'CROSSED', qty })
}

const ALL_NAMES = [...EVENT_NAMES, WEBHOOK_TEST].sort()
const of = (family: string): Received[] =>
  receiver.received.filter(({ payload }) => payload.type.startsWith(family))
const get = async (url: string) => (await http.inject(url)).json()

describe('payloads', () => {
  test('are of every type that there is, and OpenAPI describes each', () => {
    expect(ALL_NAMES).toHaveLength(18)
    expect([...new Set(receiver.typesOf())].sort()).toEqual(ALL_NAMES)
    expect(Object.keys(document.webhooks!).sort()).toEqual(ALL_NAMES)
  })

  test('are what OpenAPI says', () => {
    for (const { payload } of receiver.received) {
      const { content } = document.webhooks![payload.type]!.post!.requestBody!
      const { schema } = content!['application/json']!
      expect(checkBySchema(document, schema!, payload), payload.type).toEqual(payload)
      // of another type they are not
      expect(() => checkBySchema(document, schema!, { ...payload, type: 'none' })).toThrow()
    }
  })

  test('have an order as REST answers with it, and its event as it was recorded', async () => {
    const events = await test_.app.prisma.orderEvent.findMany()
    expect(of('order.')).toHaveLength(events.length)
    for (const { payload } of of('order.')) {
      const { event, ...order } = payload.data as { id: string; event: Record<string, unknown> }
      expect(order, payload.type).toEqual(await get(`/api/orders/${order.id}`))
      const recorded = events.find(
        ({ orderId, version }) => orderId === order.id && version === event.version,
      )!
      const { from, to, reason, lines, at, type } = recorded
      expect(event).toEqual({
        version: recorded.version,
        from: from?.toLowerCase() ?? null,
        to: to.toLowerCase(),
        reason,
        lines,
      })
      expect(payload.timestamp).toBe(at.toISOString())
      const name = type.replace(/^Order/, '').replace(/\B[A-Z]/g, (letter) => `_${letter}`)
      expect(payload.type).toBe(`order.${name.toLowerCase()}`)
    }
  })

  test('have a movement as REST answers with it, and the counters that it found', async () => {
    for (const { payload } of [...of('inventory.'), ...of('stock.')]) {
      const { available_before, reserved_before, ...movement } = payload.data as Record<string, unknown>
      const { data } = await get(`/api/inventory/${movement.sku}/movements?limit=100`)
      const index = data.findIndex(({ id }: { id: string }) => id === movement.id)
      expect(movement, payload.type).toEqual(data[index])
      const before = data[index + 1] ?? { available_after: 0, reserved_after: 0 }
      expect([available_before, reserved_before]).toEqual([before.available_after, before.reserved_after])
      expect(payload.timestamp).toBe(movement.created_at)
    }
    const [{ count }] = (await test_.app.pool.query('select count(*)::int from inventory_movements')).rows
    expect(of('inventory.changed')).toHaveLength(count)
  })

  test('of thresholds are of the movement that crossed them', () => {
    const crossings = of('stock.').filter(({ payload }) => payload.data.sku === 'CROSSED')
    expect(crossings.map(({ payload: { type, data } }) => [type, data.delta]).sort()).toEqual([
      ['stock.back', 7],
      ['stock.low', -3],
      ['stock.out', -2],
    ])
  })

  test('of a test name the webhook', () => {
    expect(of('webhook.').map(({ payload }) => payload.data)).toEqual([{ webhook_id: webhookId }])
  })
})
