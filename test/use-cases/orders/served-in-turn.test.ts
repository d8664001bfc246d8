import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { returnOrder } from '../../../src/use-cases/orders/verbs/return-order.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { listWaitingOrders } from '../../../src/use-cases/stock/list-waiting-orders.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed, startTestWorker } from '../../support/harness.ts'
import { readItem } from '../../support/read-stock.ts'
import { create, marked, place, read, statusesOf } from '../../support/waiting-orders.ts'

test('200 orders that wait are served strictly in turn, whatever brings the stock, by two workers', async ({
  app,
  testApp,
}) => {
  const other = await joinTestApp(testApp)
  const apps = [app, other.app]
  await seed(app).item({ sku: 'A' })
  const give = (qty: number) => seed(app).stock({ sku: 'A', qty })
  // what the stock comes back from: orders that are cancelled, expire, or are returned
  const sources = { cancelled: [] as string[], expiring: [] as string[], returned: [] as string[] }
  for (let index = 0; index < 20; index++) {
    const qty = 1 + ((index * 7) % 5)
    await give(3 * qty)
    sources.cancelled.push(await place(app, { qty }))
    sources.expiring.push(await place(app, { qty, holdSeconds: 3_600 }))
    const returned = await place(app, { qty })
    await shipOrder(app, LOCAL_OPERATOR, { id: returned })
    sources.returned.push(returned)
  }
  const qtyOf = new Map<string, number>()
  const waiting: string[] = []
  for (let index = 0; index < 200; index++) {
    const qty = 1 + ((index * 13) % 9)
    const id = await place(apps[index % 2]!, { qty })
    waiting.push(id)
    qtyOf.set(id, qty)
  }
  expect(new Set(await statusesOf(app, waiting))).toEqual(new Set(['AWAITING_RESTOCK']))
  const { rows } = await app.pool.query('select max(id) as id from inventory_movements')
  const since = BigInt(rows[0].id)
  await app.pool.query(
    `update orders set expires_at = clock_timestamp() + ordinality * interval '40 ms'
    from unnest($1::uuid[]) with ordinality as hold (id, ordinality) where orders.id = hold.id`,
    [sources.expiring],
  )
  const workers = await Promise.all([testApp, other].map((each) => startTestWorker(each)))
  const soon = (index: number) =>
    new Promise((resolve) => setTimeout(resolve, index * 35 + Math.random() * 40))
  const newcomers: string[] = []
  await Promise.all([
    ...sources.cancelled.map(async (id, index) => {
      await soon(index)
      await cancelOrder(apps[index % 2]!, LOCAL_OPERATOR, { id })
    }),
    ...sources.returned.map(async (id, index) => {
      await soon(index)
      const [line] = (await read(app, id)).lines
      await returnOrder(apps[index % 2]!, LOCAL_OPERATOR, { id, lines: [{ sku: 'A', qty: line!.qty }] })
    }),
    ...Array.from({ length: 40 }, async (_, index) => {
      await soon(index / 2)
      await seed(apps[index % 2]!).stock({ sku: 'A', qty: 1 + ((index * 11) % 17) })
    }),
    ...Array.from({ length: 40 }, async (_, index) => {
      await soon(index / 2)
      newcomers.push(await create(apps[index % 2]!, { qty: 1 + (index % 4) }))
    }),
  ])
  await eventually(async () => {
    const statuses = await statusesOf(app, [...sources.expiring, ...newcomers])
    return !statuses.includes('PENDING') && statuses.slice(0, 20).every((status) => status === 'EXPIRED')
  })
  await eventually(async () => (await marked(app)).length === 0)
  await Promise.all(workers.map((worker) => worker.stop()))

  // the ledger tells what there was at each moment, and who got it
  const ledger = await app.prisma.inventoryMovement.findMany({
    where: { id: { gt: since } },
    orderBy: { id: 'asc' },
  })
  const left = new Set(waiting)
  let served = 0
  for (const { type, delta, availableAfter, orderId } of ledger) {
    if (type !== 'RESERVATION') continue
    const there = Number(availableAfter) - delta
    const before = [...left].find((id) => id < orderId! && qtyOf.get(id)! <= there)
    expect(before, `${orderId} was served of ${there} before ${before}`).toBeUndefined()
    if (qtyOf.has(orderId!)) {
      expect(left.delete(orderId!), 'it was served twice').toBe(true)
      served++
    }
  }
  expect(served).toBeGreaterThan(50)
  expect(served).toBeLessThan(200)
  const { available } = await readItem(app, 'A')
  const still = await listWaitingOrders(app, LOCAL_OPERATOR, { sku: 'A', after: null, sizeMax: 1_000 })
  for (const id of still) expect((await read(app, id)).lines[0]!.qty).toBeGreaterThan(Number(available))
  expect(still.filter((id) => qtyOf.has(id))).toEqual([...left])
  await other.close()
})
