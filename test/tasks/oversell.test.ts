import { afterAll, beforeAll, expect, test } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { createTestApp, eventually, joinTestApp, seed, startTestWorker } from '../support/harness.ts'
import { readItem } from '../support/read-stock.ts'
import { playSupplier } from '../support/supplier.ts'

const RUNS = 20
const STOCK = 100
const ORDERS = 500

const supplier = playSupplier()
beforeAll(() => {
  supplier.start()
  supplier.follow({ reserve: () => ({ accepted: false }) })
})
afterAll(() => supplier.stop())

/** Two servers' worth of application and worker on one database, and one that only takes orders. */
async function startTwo() {
  const first = await createTestApp()
  const second = await joinTestApp(first)
  const api = await joinTestApp(first)
  const workers = await Promise.all([first, second].map((each) => startTestWorker(each)))
  return {
    first,
    second,
    api,
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.stop()))
      await api.close()
      await second.close()
      await first.close()
    },
  }
}

/** How many transitions but creations an application has committed from now on. */
function countTransitions(app: App): () => number {
  let count = 0
  const { onEvents } = app
  app.onEvents = (events) => {
    count += events.filter((event) => event.from !== null).length
    onEvents(events)
  }
  return () => count
}

test(`${ORDERS} orders of 1 for a stock of ${STOCK}, by two workers: ${STOCK} reserved, never one more`, async () => {
  const { first, second, api, stop } = await startTwo()
  const moved = [first, second].map(({ app }) => countTransitions(app))
  const { prisma } = first.app
  for (let run = 1; run <= RUNS; run++) {
    const sku = `RUN${run}-REFUSED`
    await seed(first.app).item({ sku, available: STOCK })
    const results = await Promise.all(
      Array.from({ length: ORDERS }, (_, i) =>
        createOrder([first, second, api][i % 3]!.app, LOCAL_OPERATOR, {
          sku,
          qty: 1,
          idempotencyKey: null,
          customerId: null,
        }),
      ),
    )
    expect(results.filter(({ order }) => order)).toHaveLength(ORDERS)
    await eventually(async () => {
      const open = await prisma.order.count({
        where: { lines: { some: { sku } }, status: { in: ['PENDING', 'AWAITING_RESTOCK'] } },
      })
      return open === 0
    })
    const byStatus = await prisma.order.groupBy({
      by: ['status', 'failureReason'],
      where: { lines: { some: { sku } } },
      _count: true,
    })
    expect(byStatus.toSorted((a, b) => a.status.localeCompare(b.status))).toEqual([
      { status: 'FAILED', failureReason: 'SUPPLIER_REFUSED', _count: ORDERS - STOCK },
      { status: 'RESERVED', failureReason: null, _count: STOCK },
    ])
    expect(await readItem(first.app, sku)).toMatchObject({
      available: 0n,
      reserved: BigInt(STOCK),
    })
  }
  // both had their share of the work
  for (const count of moved) expect(count()).toBeGreaterThan(ORDERS)
  await stop()
}, 180_000)
