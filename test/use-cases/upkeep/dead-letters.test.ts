import { describe, expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { failOrders } from '../../../src/use-cases/orders/fail-orders.ts'
import { settleSupplierOutcomes } from '../../../src/use-cases/supplier/settle-supplier-outcomes.ts'
import { retryDeadLetters } from '../../../src/use-cases/upkeep/retry-dead-letters.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { loseJobsOf } from '../../support/queue.ts'
import { readRequest } from '../../support/read-stock.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

test.beforeAll(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 10 })
})

const find = (app: App, id: string) =>
  app.prisma.order.findUniqueOrThrow({
    where: { id },
    include: { events: { orderBy: { version: 'asc' } }, deadLetters: true },
  })

async function failed(app: App) {
  const { id } = await seed(app).order({ sku: 'A', qty: 2 })
  const payload = { orderId: id }
  const deadLetter = { task: 'reserve-inventory' as const, payload, error: 'Error: no disk\0', attempts: 8 }
  await failOrders(app, [deadLetter])
  await loseJobsOf(app.pool, [id])
  return id
}

describe('a dead letter', () => {
  test('is written in the transaction that ends its order, once', async ({ app }) => {
    const id = await failed(app)
    await failOrders(app, [
      { task: 'reserve-inventory', payload: { orderId: id }, error: 'again', attempts: 8 },
    ])
    const order = await find(app, id)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR', version: 2 })
    expect(order.deadLetters).toMatchObject([
      {
        task: 'reserve-inventory',
        payload: { orderId: id },
        error: 'Error: no disk',
        attempts: 8,
        traceId: id.replaceAll('-', ''),
        retriedAt: null,
      },
    ])
  })

  test('is not written by a late job: an order that came on meanwhile stays as it is', async ({ app }) => {
    const { id } = await seed(app).order({ sku: 'A', qty: 100 })
    await reserveOrders(app, [id])
    const late = { error: 'late', attempts: 8 }
    await failOrders(app, [{ task: 'reserve-inventory', payload: { orderId: id }, ...late }])
    await settleSupplierOutcomes(app, [{ orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'r' } }])
    await failOrders(app, [{ task: 'request-supplier', payload: { orderId: id, step: 1 }, ...late }])
    expect(await find(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK', version: 2, deadLetters: [] })
    await failOrders(app, [{ task: 'check-supplier-status', payload: { orderId: id, step: 2 }, ...late }])
    expect(await find(app, id)).toMatchObject({ status: 'FAILED', failureReason: 'INTERNAL_ERROR' })
  })

  test('is left by a supplier that could not be reached, and by no answer that it gave', async ({ app }) => {
    const { id: unreachable } = await seed(app).order({ sku: 'A', qty: 100 })
    const { id: refused } = await seed(app).order({ sku: 'A', qty: 100 })
    await reserveOrders(app, [unreachable, refused])
    const outage = { kind: 'transport-error', detail: 'answered 503' } as const
    for (let step = 1; step <= 3; step++) {
      await settleSupplierOutcomes(app, [{ orderId: unreachable, step, outcome: outage }])
    }
    await settleSupplierOutcomes(app, [{ orderId: refused, step: 1, outcome: { kind: 'refused' } }])
    const order = await find(app, unreachable)
    expect(order).toMatchObject({ status: 'FAILED', failureReason: 'SUPPLIER_UNREACHABLE' })
    expect(order.deadLetters).toMatchObject([
      {
        task: 'request-supplier',
        payload: { orderId: unreachable, step: 3 },
        error: 'answered 503',
        attempts: 3,
      },
    ])
    expect((await find(app, refused)).deadLetters).toEqual([])
  })

  test('opens its order again when it is retried, which loses no history, and a second time does nothing', async ({
    app,
  }) => {
    const id = await failed(app)
    const [letter] = (await find(app, id)).deadLetters
    const results = await Promise.all(
      Array.from({ length: 5 }, () => retryDeadLetters(app, LOCAL_OPERATOR, [letter!.id, 'nonsense'])),
    )
    expect(results.flat()).toEqual([letter!.id])
    const reopened = await find(app, id)
    expect(reopened).toMatchObject({ status: 'PENDING', failureReason: null, version: 3 })
    expect(reopened.events.map(({ type, reason }) => [type, reason])).toEqual([
      ['OrderCreated', null],
      ['OrderFailed', 'INTERNAL_ERROR'],
      ['OrderReopened', null],
    ])
    expect(reopened.deadLetters[0]!.retriedAt).not.toBeNull()
    await reserveOrders(app, [id])
    expect(await find(app, id)).toMatchObject({ status: 'RESERVED', version: 4 })
  })

  test('of an order that failed at its supplier: the supplier is asked anew, and late calls of before do nothing', async ({
    app,
  }) => {
    const { id } = await seed(app).order({ sku: 'A', qty: 100 })
    await reserveOrders(app, [id])
    await settleSupplierOutcomes(app, [{ orderId: id, step: 1, outcome: { kind: 'accepted', ref: 'old' } }])
    for (let step = 2; step <= 4; step++) {
      await settleSupplierOutcomes(app, [
        { orderId: id, step, outcome: { kind: 'transport-error', detail: 'x' } },
      ])
    }
    const [letter] = (await find(app, id)).deadLetters
    await retryDeadLetters(app, LOCAL_OPERATOR, [letter!.id])
    await reserveOrders(app, [id])
    expect(await find(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    const request = await readRequest(app, id)
    expect(request).toMatchObject({ state: 'ASKED', ref: null, attempts: 0, rechecks: 0, endedAt: null })
    for (let step = 1; step < request.step; step++) {
      await settleSupplierOutcomes(app, [{ orderId: id, step, outcome: { kind: 'ok' } }])
    }
    expect(await find(app, id)).toMatchObject({ status: 'AWAITING_RESTOCK' })
    await settleSupplierOutcomes(app, [{ orderId: id, step: request.step, outcome: { kind: 'ok' } }])
    expect(await find(app, id)).toMatchObject({ status: 'RESERVED' })
  })
})
