import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { StockThreshold } from '../../../src/domain/stock/thresholds.ts'
import { createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { findInventoryItem } from '../../../src/use-cases/stock/find-inventory-item.ts'
import { saveLocation } from '../../../src/use-cases/stock/save-location.ts'
import { setStockRules } from '../../../src/use-cases/stock/set-stock-rules.ts'
import { adjustInventory } from '../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { sharedTest as test } from '../../support/fixtures.ts'
import { eventually, seed } from '../../support/harness.ts'
import fc from '../../support/properties.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

const RUNS = 40
const STEPS_MAX = 25

const qty = fc.nat(6)
const location = fc.constantFrom('MAIN', 'WEST')
const step = fc.oneof(
  fc.record({ kind: fc.constant('adjust' as const), location, delta: fc.integer({ min: -6, max: 8 }) }),
  fc.record({
    kind: fc.constant('order' as const),
    qty: fc.integer({ min: 1, max: 6 }),
    ifShort: fc.constantFrom('WAIT' as const, 'FAIL' as const),
    locations: fc.constantFrom(null, ['WEST']),
  }),
  fc.record({ kind: fc.constant('cancel' as const), which: fc.nat(20) }),
  fc.record({ kind: fc.constant('low' as const), lowStockAt: fc.option(qty) }),
  fc.record({ kind: fc.constant('safety' as const), location, safetyStock: qty }),
  fc.record({ kind: fc.constant('activity' as const), isActive: fc.boolean() }),
)

/** What a change crosses, by the definition alone. */
function crossingsOf(before: number, after: number, lowStockAt: number | null): StockThreshold[] {
  const crossed: StockThreshold[] = []
  if (lowStockAt !== null && before > lowStockAt && after <= lowStockAt) crossed.push('LOW')
  if (before > 0 && after === 0) crossed.push('OUT')
  if (before === 0 && after > 0) crossed.push('BACK')
  return crossed
}

let runs = 0

test('whatever moves stock, in whatever order, it is told of what was crossed and of nothing else', async ({
  app,
}) => {
  await seed(app).location('WEST')
  const property = fc.asyncProperty(fc.array(step, { maxLength: STEPS_MAX, size: 'max' }), async (steps) => {
    const sku = `S${runs++}`
    await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: true })
    await seed(app).item({ sku })
    const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, { skus: [sku], locations: null, after: null })
    const orderIds: string[] = []
    const expected: StockThreshold[][] = []
    let lowStockAt: number | null = null
    let before = 0
    let movements = 0
    for (const one of steps) {
      if (one.kind === 'low') lowStockAt = one.lowStockAt
      await take(app, sku, one, orderIds)
      const isRule = one.kind === 'low' || one.kind === 'safety' || one.kind === 'activity'
      // what a rule changes is not told; what those take who are served by it is
      if (isRule) before = await readPromisable(app, sku)
      await serveAll(app)
      const after = await readPromisable(app, sku)
      const crossed = movements === 0 ? [] : crossingsOf(before, after, lowStockAt)
      if (crossed.length > 0) expected.push(crossed)
      movements = await app.prisma.inventoryMovement.count({ where: { sku } })
      before = after
    }
    const told: StockThreshold[][] = []
    let places = 0
    const { rows } = await app.pool.query<{ places: number }>(
      `select (count(id) + count(crossed_id))::int as places from inventory_movements where sku = $1`,
      [sku],
    )
    while (places < rows[0]!.places) {
      const { value = [] } = await watcher.next()
      places += value.length
      for (const { crossed } of value) if (crossed.length > 0) told.push([...crossed])
    }
    await watcher.return()
    expect(told).toEqual(expected)
    expect(places).toBe(rows[0]!.places)
  })
  await fc.assert(property, { numRuns: RUNS })
}, 300_000)

async function readPromisable(app: App, sku: string): Promise<number> {
  return Number((await findInventoryItem(app, LOCAL_OPERATOR, sku))!.availableToPromise)
}

type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never

async function take(app: App, sku: string, one: Step, orderIds: string[]): Promise<void> {
  switch (one.kind) {
    case 'adjust': {
      if (one.delta === 0) return
      const { location, delta } = one
      // one that there is not enough for is refused, and changes nothing
      await adjustInventory(app, LOCAL_OPERATOR, {
        sku,
        location,
        delta,
        reason: 'test',
        expectedAvailable: null,
      })
      return
    }
    case 'order': {
      const { qty, ifShort, locations } = one
      // one that may take from nowhere is refused
      const { order } = await createOrder(app, LOCAL_OPERATOR, {
        lines: [{ sku, qty }],
        ifShort,
        locations: locations && [...locations],
        customerId: null,
        idempotencyKey: null,
      })
      if (!order) return
      orderIds.push(order.id)
      await reserveOrders(app, [order.id])
      return
    }
    case 'cancel': {
      const id = orderIds[one.which]
      if (id) await cancelOrder(app, LOCAL_OPERATOR, { id })
      return
    }
    case 'low': {
      const lowStockAt = one.lowStockAt === null ? null : BigInt(one.lowStockAt)
      await setStockRules(app, LOCAL_OPERATOR, { sku, lowStockAt })
      return
    }
    case 'safety': {
      const safetyStock = BigInt(one.safetyStock)
      await setStockRules(app, LOCAL_OPERATOR, { sku, location: one.location, safetyStock })
      return
    }
    case 'activity':
      await saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', isActive: one.isActive })
  }
}

/** Serves until nobody is being served, as the jobs would. */
async function serveAll(app: App): Promise<void> {
  await eventually(async () => {
    const { rows } = await app.pool.query<{ sku: string }>('select sku from serving')
    for (const { sku } of rows) await serveWaiting(app, { sku })
    return rows.length === 0
  })
}
