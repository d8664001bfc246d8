import { afterAll, beforeAll, expect, test } from 'vitest'
import { inTransaction } from '../../src/database/transaction.ts'
import { reserve } from '../../src/domain/orders/verbs/reserve.ts'
import { lockOrders } from '../../src/sql/orders/find-orders.ts'
import { lockStock } from '../../src/sql/stock/lock-stock.ts'
import { writeChanges } from '../../src/use-cases/orders/write-changes.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { SmallRun } from './small-run.ts'

// Orders get stock out of their turn, and the checks have to say so.

const run = new SmallRun()
beforeAll(() => run.start())
afterAll(() => run.end())

test('a newer order that takes what an older one waits for is found', async () => {
  const { app } = run
  await seed(app).item({ sku: 'F', available: 0 })
  const failed = await seed(app).order({ sku: 'F', qty: 1, ifShort: 'FAIL' })
  await reserveOrders(app, [failed.id])
  await seed(app).stock({ sku: 'F', qty: 1 })
  const next = await seed(app).order({ sku: 'F', qty: 1 })
  await reserveOrders(app, [next.id])
  const overtaken = 'who waits is served before newer orders'
  expect(await run.check(run.remember())).not.toContain(overtaken)
  const older = await seed(app).order({ sku: 'F', qty: 1, ifShort: 'WAIT' })
  await reserveOrders(app, [older.id])
  await seed(app).stock({ sku: 'F', qty: 2 })
  const newer = await seed(app).order({ sku: 'F', qty: 1 })
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    const [order] = await lockOrders(tx, [newer.id])
    const stock = await lockStock(tx, ['F'])
    const at = app.now()
    const taken = [{ sku: 'F', location: 'MAIN', qty: 1 }]
    await writeChanges(tx, [{ change: reserve({ order: order!, taken, short: [] }, at) }], { stock }, at)
  })
  expect(await run.check(run.remember())).toContain(overtaken)
})

test('a turn taken out of order is found', async () => {
  const { app } = run
  await seed(app).item({ sku: 'D', available: 1 })
  const older = await seed(app).order({ sku: 'D', qty: 1 })
  const newer = await seed(app).order({ sku: 'D', qty: 1 })
  await inTransaction(app, 'reserve-inventory', async (tx) => {
    await lockOrders(tx, [older.id, newer.id])
    const stock = await lockStock(tx, ['D'])
    const at = app.now()
    const [taken, short] = [
      { sku: 'D', location: 'MAIN', qty: 1 },
      { sku: 'D', qty: 1, missing: 1 },
    ]
    const changes = [
      { change: reserve({ order: newer, taken: [taken], short: [] }, at) },
      { change: reserve({ order: older, taken: [], short: [short] }, at) },
    ]
    await writeChanges(tx, changes, { stock }, at)
  })
  expect(await run.check(run.remember())).toContain(
    'stock that was there is never refused, in the order of creation',
  )
})
