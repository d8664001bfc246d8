import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkWebhooks } from '../../chaos/check-webhooks.ts'
import type { Reader } from '../../chaos/database.ts'
import { Findings } from '../../chaos/findings.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { readLedgerEnd } from '../../src/sql/stock/ledger/final-end.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import { writeDeliveries } from '../../src/use-cases/webhooks/write-deliveries.ts'
import { createTestApp, seed, type TestApp } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { listenAt } from '../support/webhooks.ts'

// Something is wrong with what receivers were sent, and the check has to say what.

let test_: TestApp
let id = ''
const ids: string[] = []
beforeAll(async () => {
  test_ = await createTestApp()
  const { app } = test_
  id = (await listenAt(app, 'https://shop.example/all', ['*'])).id
  await listenAt(app, 'https://shop.example/gone', ['inventory.changed'])
  await seed(app).item({ available: 5 })
  await setStockRules(app, LOCAL_OPERATOR, { sku: 'GIZMO', lowStockAt: 4n })
  await reserveOrders(app, [(await seed(app).order({ qty: 1 })).id])
  await writeDeliveries(app, await readLedgerEnd(app.pool))
  await app.pool.query(
    `update webhooks set status = 'DISABLED', disabled_reason = 'gone' where url like '%/gone'`,
  )
  const { rows } = await app.pool.query('select event_id from webhook_deliveries where webhook_id = $1', [id])
  ids.push(...rows.map((row) => row.event_id))
})
afterAll(() => test_.close())

/** What is found where these were received, once some of the rows are as they are after `statement`. */
async function check(received: readonly string[], statement = 'select'): Promise<string[]> {
  const client = await test_.app.pool.connect()
  const findings = new Findings()
  try {
    await client.query('begin')
    await client.query(statement)
    const reader: Reader = {
      query: async (text: string) => (await client.query(text)).rows as never,
      withClient: async (work) => work(client as never),
    }
    const all = new Map(received.map((eventId) => [eventId, 1]))
    const webhooks = [{ name: 'all', id, start: 0n }] as const
    await checkWebhooks(reader, webhooks, { all, orders: new Map(), gone: new Map() }, findings)
  } finally {
    await client.query('rollback')
    client.release()
  }
  return findings.violations().map((violation) => violation.check)
}

const NONE_LEFT = 'delete from webhook_deliveries'

test('finds nothing where all was received, or is pending', async () => {
  expect(ids).toHaveLength(5)
  expect(await check(ids, NONE_LEFT)).toEqual([])
  expect(await check([])).toEqual([])
})

test('finds an event that was neither received nor is pending', async () => {
  for (const one of ids) {
    expect(
      await check(
        ids.filter((other) => other !== one),
        NONE_LEFT,
      ),
    ).toEqual(['a webhook misses nothing'])
  }
})

test('finds what was received and never was', async () => {
  expect(await check([...ids, 'evt_m999'], NONE_LEFT)).toEqual(['a webhook is told only what was'])
})

test('finds what is called delivered and was not received', async () => {
  const delivered = `update webhook_deliveries set status = 'DELIVERED', next_attempt_at = null, ended_at = now()`
  expect(await check(ids.slice(1), delivered)).toEqual(['what is called delivered was received'])
})

test('finds an event whose payload was not made', async () => {
  const error = 'not sent: its payload cannot be made: x'
  expect(
    await check(ids, `update webhook_deliveries set error = '${error}' where event_id = '${ids[0]}'`),
  ).toEqual(['each event of a webhook can be sent'])
  expect(await check(ids, `update webhook_deliveries set error = 'no answer within 15000 ms'`)).toEqual([])
})

test('finds an order event without a number', async () => {
  expect(await check(ids, 'update order_events set outbox_id = null where version = 1')).toEqual([
    'each order event is in the outbox while a webhook listens',
  ])
})

test('finds a webhook that is told of although its receiver is gone', async () => {
  const active = `update webhooks set status = 'ACTIVE', disabled_reason = null`
  expect(await check(ids, active)).toEqual(['a webhook whose receiver is gone is disabled'])
})
