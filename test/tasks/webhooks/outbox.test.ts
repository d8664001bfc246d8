import { v7 as uuidv7 } from 'uuid'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { movementEventId } from '../../../src/domain/webhooks/event-id.ts'
import { WEBHOOK_PENDING_MAX } from '../../../src/limits.ts'
import { insertOrders } from '../../../src/sql/orders/insert-orders.ts'
import { readLedgerEnd } from '../../../src/sql/stock/ledger/final-end.ts'
import { serveWaiting } from '../../../src/use-cases/orders/serve-waiting.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { claimDeliveries } from '../../../src/use-cases/webhooks/claim-deliveries.ts'
import { writeDeliveries } from '../../../src/use-cases/webhooks/write-deliveries.ts'
import {
  createTestApp,
  eventually,
  joinTestApp,
  seed,
  startTestWorker,
  type TestApp,
} from '../../support/harness.ts'
import { dropJobs } from '../../support/queue.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { listenAt } from '../../support/webhooks.ts'

let test_: TestApp
let receiver: Receiver

beforeEach(async () => {
  test_ = await createTestApp()
  receiver = await startReceiver()
})
afterEach(async () => {
  await receiver.close()
  await test_.close()
})

const idsReceived = () => receiver.received.map(({ headers }) => headers['webhook-id']!)
const deliveries = () => test_.app.prisma.webhookDelivery.findMany({ orderBy: { id: 'asc' } })

describe('the outbox', () => {
  test('is read past nothing that commits late', async () => {
    const { app } = test_
    await seed(app).item({ available: 9 })
    await listenAt(app, receiver.url, ['*'])
    const worker = await startTestWorker(test_)
    // it has drawn its numbers, and commits when others behind it have committed long ago
    const late = await app.pool.connect()
    await late.query('begin')
    await late.query(`update stock_levels set available = available + 1 where sku = 'GIZMO'`)
    await late.query(
      `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
      values ('GIZMO', 'MAIN', 'RECEIPT', 1, 0, 10, 0, now())`,
    )
    const ids = await Promise.all(
      [1, 2, 3].map(
        async () => (await seed(app).item({ sku: `S${Math.random()}`.slice(0, 9), available: 1 })).sku,
      ),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(receiver.received).toHaveLength(0)
    await late.query('commit')
    late.release()
    await eventually(() => receiver.received.length === ids.length + 1)
    expect(receiver.received.map(({ payload }) => payload.data.sku)).toContain('GIZMO')
    await worker.stop()
  })

  test('is read past no event of an order that commits late', async () => {
    const { app } = test_
    await seed(app).item({ sku: 'GIZMO', available: 9 })
    await listenAt(app, receiver.url, ['*'])
    const worker = await startTestWorker(test_)
    const late = await app.pool.connect()
    await late.query('begin')
    const order = {
      id: uuidv7(),
      customerId: null,
      reference: null,
      locations: null,
      ifShort: 'ASK_SUPPLIER' as const,
      holdSeconds: null,
      lines: [{ sku: 'GIZMO', qty: 1 }],
      key: null,
      origin: { caller: 'late' },
    }
    await insertOrders(late, [order], { createdAt: app.now() })
    await seed(app).item({ sku: 'OTHER', available: 1 })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(receiver.received).toHaveLength(0)
    await late.query('commit')
    late.release()
    await eventually(() => idsReceived().some((id) => id.startsWith(`evt_${order.id}_1_`)))
    await eventually(() => receiver.received.some(({ payload }) => payload.data.sku === 'OTHER'))
    await worker.stop()
  })

  test('has a number for each event of an order only while somebody listens to orders', async () => {
    const { app } = test_
    await seed(app).item({ available: 9 })
    const numbered = async () =>
      (await app.pool.query('select count(outbox_id)::int as count from order_events')).rows[0].count
    await reserveOrders(app, [(await seed(app).order()).id])
    await listenAt(app, receiver.url, ['stock.*'])
    await reserveOrders(app, [(await seed(app).order()).id])
    expect(await numbered()).toBe(0)
    await listenAt(app, receiver.url, ['order.created'])
    await reserveOrders(app, [(await seed(app).order()).id])
    expect(await numbered()).toBe(2)
  })

  test('is told once, whoever reads it and sends it', async () => {
    const { app } = test_
    await seed(app).item({ available: 500 })
    const other = await joinTestApp(test_)
    const workers = [await startTestWorker(test_), await startTestWorker(other)]
    await listenAt(app, receiver.url, ['*'])
    const orders = await Promise.all(Array.from({ length: 100 }, () => seed(app).order()))
    await eventually(() => receiver.received.length >= 300)
    // a double would have come by now
    await eventually(async () => (await deliveries()).every(({ status }) => status === 'DELIVERED'))
    expect(new Set(idsReceived()).size).toBe(300)
    expect(receiver.received).toHaveLength(300)
    for (const { id } of orders) expect(idsReceived().join()).toContain(`evt_${id}_1_`)
    for (const worker of workers) await worker.stop()
    await other.close()
  })

  test('waits for a webhook with 200,000 deliveries pending, which are counted now and then alone', async () => {
    const { app } = test_
    const { id } = await listenAt(app, receiver.url, ['inventory.*'])
    // a statement each, for its time is limited
    for (let count = 0; count < WEBHOOK_PENDING_MAX; count += 50_000) {
      await app.pool.query(
        `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
        select gen_random_uuid(), $1, 'evt_test_' || number, 'webhook.test', 'PENDING', 1, now() + interval '1 h', now()
        from generate_series($2::int, $2 + 49999) as number`,
        [id, count],
      )
    }
    const query = vi.spyOn(app.pool, 'query')
    const countRuns = (name: string) =>
      query.mock.calls.filter(([statement]) => (statement as { name?: string }).name === name).length
    const worker = await startTestWorker(test_)
    await seed(app).item({ available: 9 })
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    expect(countRuns('find-full-webhooks')).toBe(1)
    expect(countRuns('find-readers')).toBe(0)
    expect(receiver.received).toHaveLength(0)
    await app.pool.query(
      `delete from webhook_deliveries where id in (select id from webhook_deliveries limit 100)`,
    )
    await eventually(() => receiver.received.length === 1)
    await worker.stop()
  })

  test('is told to all at one place by one reading, and twice to nobody', async () => {
    const { app } = test_
    await listenAt(app, receiver.url, ['*'])
    await listenAt(app, receiver.url, ['inventory.*'])
    await listenAt(app, receiver.url, ['order.*'])
    await seed(app).item({ available: 9 })
    await seed(app).order()
    const end = await readLedgerEnd(app.pool)
    await Promise.all([writeDeliveries(app, end), writeDeliveries(app, end), writeDeliveries(app, end)])
    const types = (await deliveries()).map(({ eventType }) => eventType).sort()
    expect(types).toEqual(['inventory.changed', 'inventory.changed', 'order.created', 'order.created'])
  })

  test('is told of a threshold once it is known, and of its movement once', async () => {
    const { app } = test_
    await listenAt(app, receiver.url, ['*'])
    const write = async () => writeDeliveries(app, await readLedgerEnd(app.pool))
    const waitFor = async (qty: number) =>
      reserveOrders(app, [(await seed(app).order({ qty, ifShort: 'WAIT' })).id])
    await seed(app).item({ available: 1 })
    await waitFor(1)
    await waitFor(3)
    // too few for who waits: what they make of the stock is known once that was tried
    await seed(app).stock({ qty: 2 })
    await write()
    const written = await deliveries()
    const [received] = await app.prisma.inventoryMovement.findMany({ orderBy: { id: 'desc' }, take: 1 })
    const { id: movementId, createdAt } = received!
    const ofReceipt = async () =>
      (await deliveries()).flatMap(({ eventId, eventType }) =>
        eventId.startsWith(`evt_m${movementId}_`) ? [[eventId, eventType]] : [],
      )
    const changed = [movementEventId(movementId, createdAt), 'inventory.changed']
    expect(await ofReceipt()).toEqual([changed])
    expect(written.map(({ eventType }) => eventType)).toContain('stock.out')
    await serveWaiting(app, { sku: 'GIZMO' })
    await write()
    await write()
    const back = [movementEventId(movementId, createdAt, 'BACK'), 'stock.back']
    expect(await ofReceipt()).toEqual([changed, back])
    expect(await deliveries()).toHaveLength(written.length + 1)
    const worker = await startTestWorker(test_)
    const sent = (await eventually(() =>
      receiver.received.find(({ payload }) => payload.type === 'stock.back'),
    ))!
    expect(sent.headers['webhook-id']).toBe(back[0])
    expect(sent.payload.data).toMatchObject({ id: String(movementId), delta: 2, available_before: 0 })
    await worker.stop()
  })

  test('has a movement that crossed a threshold before it was read, both at once and once', async () => {
    const { app } = test_
    await listenAt(app, receiver.url, ['*'])
    await seed(app).item({ available: 1 })
    await reserveOrders(app, [(await seed(app).order({ ifShort: 'WAIT' })).id])
    await reserveOrders(app, [(await seed(app).order({ qty: 3, ifShort: 'WAIT' })).id])
    await seed(app).stock({ qty: 2 })
    await serveWaiting(app, { sku: 'GIZMO' })
    await writeDeliveries(app, await readLedgerEnd(app.pool))
    const types = (await deliveries()).map(({ eventType }) => eventType)
    expect(types.filter((type) => !type.startsWith('order.')).sort()).toEqual([
      ...Array.from({ length: 3 }, () => 'inventory.changed'),
      'stock.back',
      'stock.out',
    ])
  })

  test('is told by another after a process was killed between its claim and its calls', async () => {
    const { app } = test_
    await seed(app).item({ available: 9 })
    const { id } = await listenAt(app, receiver.url, ['inventory.*'])
    await seed(app).stock()
    await writeDeliveries(app, await readLedgerEnd(app.pool))
    // what a process leaves behind that is killed then: deliveries that it claimed, and no job
    expect((await claimDeliveries(app, id, { first: 50, retry: 0 }))!.deliveries).toHaveLength(1)
    await dropJobs(app.pool)
    await app.pool.query(`update webhook_deliveries set next_attempt_at = now() - interval '6 s'`)
    expect((await sweep(app)).webhooks).toEqual([id])
    expect((await sweep(app)).webhooks).toEqual([])
    const worker = await startTestWorker(test_)
    await eventually(() => receiver.received.length === 1)
    await worker.stop()
  })
})
