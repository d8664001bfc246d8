import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { Worker } from '../../../src/tasks/worker.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { createWebhook } from '../../../src/use-cases/webhooks/verbs/create-webhook.ts'
import { rotateWebhookSecret } from '../../../src/use-cases/webhooks/verbs/rotate-webhook-secret.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'
import { type Received, type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { endReplacedSecret } from '../../support/webhooks.ts'

let test_: TestApp
let worker: Worker
let receiver: Receiver

beforeEach(async () => {
  test_ = await createTestApp()
  receiver = await startReceiver()
  worker = await startTestWorker(test_)
})
afterEach(async () => {
  await worker.stop()
  await receiver.close()
  await test_.close()
})

async function listen(events: string[], url = receiver.url) {
  const { webhook, secret } = await createWebhook(test_.app, LOCAL_OPERATOR, { url, events })
  return { id: webhook!.id, secret: secret! }
}

const received = (count: number): Promise<Received[]> =>
  eventually(() => (receiver.received.length >= count ? receiver.received : undefined)) as Promise<Received[]>

describe('a webhook', () => {
  test('is told of the life of an order, signed as Standard Webhooks verifies it', async () => {
    await seed(test_.app).item({ available: 5 })
    const { secret } = await listen(['order.*'])
    const { id } = await seed(test_.app).order({ qty: 2 })
    const first = await received(2)
    await cancelOrder(test_.app, LOCAL_OPERATOR, { id })
    await received(3)
    expect(new Set(receiver.typesOf())).toEqual(
      new Set(['order.created', 'order.reserved', 'order.cancelled']),
    )
    const verifier = new Webhook(secret)
    for (const { body, headers, payload } of receiver.received) {
      expect(verifier.verify(body, headers)).toEqual(payload)
    }
    const reserved = first.find(({ payload }) => payload.type === 'order.reserved')!
    const time = Date.parse(reserved.payload.timestamp).toString(36)
    expect(reserved.headers['webhook-id']).toBe(`evt_${id}_2_${time}`)
    expect(reserved.payload.data).toMatchObject({
      id,
      event: { version: 2, from: 'pending', to: 'reserved', reason: null },
    })
    const cancelled = receiver.received.at(-1)!
    expect(cancelled.payload.data).toMatchObject({ status: 'cancelled', version: 3 })
  })

  test('is told of stock, with the counters before and after, and of thresholds that it crosses', async () => {
    await seed(test_.app).item({ available: 5 })
    await setStockRules(test_.app, LOCAL_OPERATOR, { sku: 'GIZMO', lowStockAt: 3n })
    await listen(['inventory.changed', 'stock.*'])
    await seed(test_.app).stock({ qty: -3 })
    await received(2)
    expect(new Set(receiver.typesOf())).toEqual(new Set(['inventory.changed', 'stock.low']))
    for (const { payload, headers } of receiver.received) {
      expect(payload.data).toMatchObject({
        sku: 'GIZMO',
        delta: -3,
        order_version: null,
        actor: LOCAL_OPERATOR.id,
        available_before: 5,
        available_after: 2,
        reserved_before: 0,
        reserved_after: 0,
      })
      const suffix = payload.type === 'stock.low' ? '_low' : ''
      expect(headers['webhook-id']).toBe(
        `evt_m${payload.data.id}_${Date.parse(payload.timestamp).toString(36)}${suffix}`,
      )
    }
  })

  test('is told nothing of what was there before it', async () => {
    await seed(test_.app).item({ available: 5 })
    const before = await seed(test_.app).order()
    await eventually(async () => (await test_.app.groups.findOrder.submit(before.id))?.version === 2)
    await listen(['*'])
    const { id } = await seed(test_.app).order()
    await received(3)
    expect(receiver.received.every(({ body }) => body.includes(id))).toBe(true)
  })

  test('is signed for by each old secret too, for its own day after it was replaced', async () => {
    await seed(test_.app).item({ available: 5 })
    const { id, secret: oldest } = await listen(['inventory.*'])
    const { secret: old } = await rotateWebhookSecret(test_.app, LOCAL_OPERATOR, id)
    const { secret } = await rotateWebhookSecret(test_.app, LOCAL_OPERATOR, id)
    await seed(test_.app).stock()
    const [first] = await received(1)
    expect(first!.headers['webhook-signature']!.split(' ')).toHaveLength(3)
    for (const known of [oldest, old!, secret!]) {
      expect(new Webhook(known).verify(first!.body, first!.headers)).toEqual(first!.payload)
    }
    await endReplacedSecret(test_.app, 1)
    await seed(test_.app).stock()
    const [, second] = await received(2)
    expect(() => new Webhook(oldest).verify(second!.body, second!.headers)).toThrow()
    for (const known of [old!, secret!]) {
      expect(new Webhook(known).verify(second!.body, second!.headers)).toEqual(second!.payload)
    }
  })
})
