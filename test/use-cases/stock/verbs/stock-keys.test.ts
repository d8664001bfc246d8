import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { createOrder } from '../../../../src/use-cases/orders/create-order.ts'
import { serveWaiting } from '../../../../src/use-cases/orders/serve-waiting.ts'
import { shipOrder } from '../../../../src/use-cases/orders/verbs/ship-order.ts'
import { adjustInventories } from '../../../../src/use-cases/stock/verbs/adjust-inventories.ts'
import { countInventory } from '../../../../src/use-cases/stock/verbs/count-inventory.ts'
import { createInventoryItem } from '../../../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'
import { adjust, movementsOf, receive, service, transfer } from './stock-calls.ts'

describe('a key', () => {
  /** A call of each verb under a key, and the same with another input. */
  const calls: Record<
    string,
    (app: App, key: string, other?: boolean) => Promise<{ userErrors: readonly unknown[] }>
  > = {
    createInventoryItem: (app, idempotencyKey, other) =>
      createInventoryItem(app, LOCAL_OPERATOR, {
        sku: 'NEW',
        name: other ? 'Other' : 'New',
        available: 3,
        idempotencyKey,
      }),
    adjustInventory: (app, idempotencyKey, other) =>
      adjust(app, -1, { idempotencyKey, reason: other ? 'other' : 'x' }),
    adjustInventories: (app, idempotencyKey, other) =>
      adjustInventories(app, LOCAL_OPERATOR, {
        changes: [
          { sku: 'A', delta: 1, expectedAvailable: 10n },
          { sku: 'NONE', delta: 1 },
        ],
        reason: other ? 'other' : 'x',
        errorPolicy: 'SKIP_FAILED',
        idempotencyKey,
      }),
    receiveInventory: (app, idempotencyKey, other) =>
      receive(app, { idempotencyKey, qty: other ? 6 : 5 }, LOCAL_OPERATOR),
    transferInventory: (app, idempotencyKey, other) =>
      transfer(app, { idempotencyKey, reason: other ? 'other' : null }, LOCAL_OPERATOR),
    countInventory: (app, idempotencyKey, other) =>
      countInventory(app, LOCAL_OPERATOR, {
        counts: [{ sku: 'A', counted: 7n, asOf: null }],
        onShortfall: 'UNRESERVE_NEWEST',
        reason: other ? 'other' : 'x',
        idempotencyKey,
      }),
  }

  test.for(Object.keys(calls))(
    'makes %s happen once, however often and at once it is sent',
    async (verb, { app }) => {
      const call = calls[verb]!
      await seed(app).item({ sku: 'A', available: 10 })
      await seed(app).location('WEST')
      const ids = [await seed(app).order({ sku: 'A', qty: 8 })].map(({ id }) => id)
      if (verb === 'countInventory') await reserveOrders(app, ids)
      const before = (await movementsOf(app)).length
      const answers = await Promise.all(Array.from({ length: 6 }, () => call(app, 'k')))
      const [first] = answers
      for (const answer of answers) expect(answer).toEqual(first)
      const moved = (await movementsOf(app)).length
      expect(moved).toBeGreaterThan(before)
      expect(await call(app, 'k')).toEqual(first)
      expect(await movementsOf(app)).toHaveLength(moved)
      expect((await call(app, 'k', true)).userErrors).toMatchObject([
        { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] },
      ])
      const keys = await app.prisma.idempotencyKey.findMany()
      expect(keys).toMatchObject([{ verb, orderId: null }])
      if (verb === 'countInventory') await serveWaiting(app, { sku: 'A' })
    },
  )

  test('is of one call, whatever that changes', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await receive(app, { idempotencyKey: 'stock' }, LOCAL_OPERATOR)
    const reused = [{ code: 'IDEMPOTENCY_KEY_REUSED' }]
    const order = (idempotencyKey: string) =>
      createOrder(app, LOCAL_OPERATOR, { sku: 'A', qty: 1, idempotencyKey, customerId: null })
    expect((await order('stock')).userErrors).toMatchObject(reused)
    const { order: placed } = await order('order')
    expect((await receive(app, { idempotencyKey: 'order' }, LOCAL_OPERATOR)).userErrors).toMatchObject(reused)
    await reserveOrders(app, [placed!.id])
    const ship = { id: placed!.id, idempotencyKey: 'stock' }
    expect((await shipOrder(app, LOCAL_OPERATOR, ship)).userErrors).toMatchObject(reused)
    expect((await receive(app, { idempotencyKey: 'order' }, service)).userErrors).toEqual([])
  })

  test('answers with what was made as it now is', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 1 })
    const first = await receive(app, { idempotencyKey: 'k' })
    expect(first.level).toMatchObject({ available: 6n })
    await adjust(app, 4)
    expect(await receive(app, { idempotencyKey: 'k' })).toEqual({
      ...first,
      level: { ...first.level, available: 10n },
    })
  })
})
