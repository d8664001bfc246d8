import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { requeueLostQueues } from '../../../src/sql/queue/find-lost-work.ts'
import { createOrder } from '../../../src/use-cases/orders/create-order.ts'
import { findOrder } from '../../../src/use-cases/orders/find-order.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { dropJobs, readJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

/** Has an order wait for a SKU. */
async function place(app: App, sku: string, qty: number): Promise<string> {
  const asked = { sku, qty, ifShort: 'WAIT', idempotencyKey: null, customerId: null } as const
  const { order } = await createOrder(app, LOCAL_OPERATOR, asked)
  await reserveOrders(app, [order!.id])
  return order!.id
}

test('the sweep has a queue served whose mark or job is lost', async ({ app }) => {
  await seed(app).item({ sku: 'A' })
  const id = await place(app, 'A', 2)
  await dropJobs(app.pool)
  await seed(app).stock({ sku: 'A', qty: 1 })
  await dropJobs(app.pool)
  expect((await sweep(app)).queues).toEqual(['A'])
  expect((await sweep(app)).queues).toEqual([])
  await serveWaiting(app, { sku: 'A' })
  await app.pool.query('update stock_levels set safety_stock = 0')
  expect((await sweep(app)).queues).toEqual([])
  await seed(app).stock({ sku: 'A', qty: 1 })
  await app.pool.query('delete from serving')
  await dropJobs(app.pool)
  expect((await sweep(app)).queues).toEqual(['A'])
  expect((await readJobs(app.pool)).map(({ task }) => task)).toEqual(['serve-waiting'])
  await serveWaiting(app, { sku: 'A' })
  expect((await findOrder(app, LOCAL_OPERATOR, id))!.status).toBe('RESERVED')
})

test('several lost queues get one job each, also by a plan that takes them for one', async ({ app }) => {
  const skus = ['A', 'B', 'C']
  for (const sku of skus) {
    await seed(app).item({ sku })
    await place(app, sku, 1)
    await seed(app).stock({ sku, qty: 1 })
  }
  await dropJobs(app.pool)
  await app.pool.query('vacuum analyze serving')
  const client = await app.pool.connect()
  await client.query('set plan_cache_mode = force_generic_plan')
  expect((await requeueLostQueues(client, 1_000)).map(({ sku }) => sku).toSorted()).toEqual(skus)
  client.release(true)
  expect((await readJobs(app.pool)).map(({ payload }) => payload.sku).toSorted()).toEqual(skus)
})
