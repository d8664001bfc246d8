import { afterAll, expect, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { requeueLostQueues } from '../../../src/sql/queue/find-lost-work.ts'
import { cancelOrder } from '../../../src/use-cases/orders/verbs/cancel-order.ts'
import { wakeSender } from '../../../src/use-cases/webhooks/wake-sender.ts'
import { createTestApp, eventually, seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { listenAt } from '../../support/webhooks.ts'

const testApp = await createTestApp()
const { app } = testApp
afterAll(() => testApp.close())

/** Counts the commits of `act` that wake the workers. graphile-worker notifies on this channel whenever a job is added. */
async function countWakings(act: () => Promise<unknown>): Promise<number> {
  const heard: string[] = []
  const client = await app.pool.connect()
  try {
    client.on('notification', ({ payload }) => heard.push(payload!))
    await client.query('listen "jobs:insert"')
    await act()
    await app.pool.query(`select pg_notify('jobs:insert', 'the last')`)
    await eventually(() => heard.includes('the last'))
  } finally {
    client.release(true)
  }
  return heard.length - 1
}

await seed(app).item({ available: 5 })
const { id } = await seed(app).order({ qty: 2 })
await reserveOrders(app, [id])
const webhook = await listenAt(app, 'https://shop.example/hooks', ['stock.*'])

test('a commit that adds a job wakes the workers', async () => {
  expect(await countWakings(() => seed(app).order())).toBe(1)
})

test.each<[string, () => Promise<unknown>]>([
  ['raises stock that nobody waits for', () => seed(app).stock({ qty: 1 })],
  ['cancels an order whose stock nobody waits for', () => cancelOrder(app, LOCAL_OPERATOR, { id })],
  ['finds no queue that is lost', () => requeueLostQueues(app.pool, 1_000)],
  ['finds nothing due of a webhook', () => wakeSender(app, webhook.id, 0)],
])('one that %s wakes no worker', async (_name, act) => {
  expect(await countWakings(act)).toBe(0)
})
