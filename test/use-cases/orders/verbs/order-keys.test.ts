import { describe, expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { cancelOrder } from '../../../../src/use-cases/orders/verbs/cancel-order.ts'
import { shipOrder } from '../../../../src/use-cases/orders/verbs/ship-order.ts'
import { undoShipment } from '../../../../src/use-cases/orders/verbs/undo-shipment.ts'
import { sharedTest as test } from '../../../support/fixtures.ts'
import { joinTestApp } from '../../../support/harness.ts'
import { as, codesOf, read, reserved } from './reserved-orders.ts'

describe('an idempotency key', () => {
  test('answers a repeat with what the call made, as it now is', async ({ app }) => {
    const { id, sku } = await reserved(app)
    const ship = () =>
      shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }], idempotencyKey: `ship ${id}` })
    const first = await ship()
    await undoShipment(app, LOCAL_OPERATOR, { id: first.shipments[0]!.id })
    const again = await ship()
    expect(again.order).toEqual(await read(app, id))
    expect(again.shipments).toMatchObject([{ id: first.shipments[0]!.id, undoneAt: expect.any(Date) }])
  })

  test('sent many times at once to two processes changes the order once', async ({ app, testApp }) => {
    const other = await joinTestApp(testApp)
    const { id, sku } = await reserved(app)
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        shipOrder([app, other.app][i % 2]!, LOCAL_OPERATOR, {
          id,
          lines: [{ sku, qty: 1 }],
          idempotencyKey: `once ${id}`,
        }),
      ),
    )
    expect(new Set(results.flatMap(({ shipments }) => shipments.map((shipment) => shipment.id))).size).toBe(1)
    expect(await read(app, id)).toMatchObject({ lines: [{ shipped: 1 }], version: 3 })
    await other.close()
  })

  test('for two orders at once, in one process and in two, is that of one of them', async ({
    app,
    testApp,
  }) => {
    const other = await joinTestApp(testApp)
    for (const apps of [
      [app, app],
      [app, other.app],
    ]) {
      const orders = [await reserved(app), await reserved(app)]
      const idempotencyKey = `either ${orders[0]!.id}`
      const results = await Promise.all(
        orders.map(({ id }, i) => cancelOrder(apps[i]!, LOCAL_OPERATOR, { id, idempotencyKey })),
      )
      expect(codesOf(results).toSorted()).toEqual(['IDEMPOTENCY_KEY_REUSED', 'done'])
    }
    await other.close()
  })

  test('is not used up by a call that is refused, and is refused for another call', async ({ app }) => {
    const { id, sku } = await reserved(app)
    const idempotencyKey = `key ${id}`
    const results = [
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 9 }], idempotencyKey }),
      await cancelOrder(app, LOCAL_OPERATOR, { id, expectedVersion: 1, idempotencyKey }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 1 }], idempotencyKey }),
      await shipOrder(app, LOCAL_OPERATOR, { id, lines: [{ sku, qty: 2 }], idempotencyKey }),
      await cancelOrder(app, LOCAL_OPERATOR, { id, idempotencyKey }),
      await shipOrder(app, as('service'), { id, lines: [{ sku, qty: 1 }], idempotencyKey }),
    ]
    expect(codesOf(results)).toEqual([
      'QTY_EXCEEDED',
      'STALE_EXPECTATION',
      'done',
      'IDEMPOTENCY_KEY_REUSED',
      'IDEMPOTENCY_KEY_REUSED',
      'done',
    ])
    expect(await read(app, id)).toMatchObject({ lines: [{ shipped: 2 }] })
    for (const malformed of ['', ' x', 'ü']) {
      await expect(cancelOrder(app, LOCAL_OPERATOR, { id, idempotencyKey: malformed })).rejects.toMatchObject(
        { code: 'BAD_USER_INPUT' },
      )
    }
  })
})
