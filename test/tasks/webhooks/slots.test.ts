import { afterEach, beforeEach, expect, test } from 'vitest'
import { WEBHOOK_FAILING_CALLS_MAX } from '../../../src/limits.ts'
import type { Worker } from '../../../src/tasks/worker.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { listenAt } from '../../support/webhooks.ts'

// Tests of the kind `webhook.test` hang at the receiver, each for the whole time of an attempt. What else it is told it takes at once.

/** Less than an attempt takes: what arrives within it has waited for none that hangs. */
const SOON_MS = 10_000

let test_: TestApp
let receiver: Receiver
let worker: Worker | undefined
beforeEach(async () => {
  test_ = await createTestApp()
  receiver = await startReceiver()
  receiver.follow(({ payload }) => (payload.type === 'webhook.test' ? undefined : 204))
})
afterEach(async () => {
  // calls that hang end with their receiver
  await Promise.all([worker?.stop(), receiver.close()])
  worker = undefined
  await test_.close()
})

const listen = () => listenAt(test_.app, receiver.url, ['inventory.*'])
const start = async () => {
  worker = await startTestWorker(test_)
}
const countOf = (type: string) => receiver.typesOf().filter((one) => one === type).length

/** Writes tests of the webhook: they have been due for long, after so many attempts. */
async function insertHanging(webhookId: string, count: number, attempts: number): Promise<void> {
  await test_.app.pool.query(
    `with inserted as (
      insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
      select gen_random_uuid(), $1, 'evt_test_' || $3 || '_' || number, 'webhook.test', 'PENDING', $3::int, now() - interval '1 min', now()
      from generate_series(1, $2) as number
    )
    select graphile_worker.add_job('send-webhooks', json_build_object('webhookId', $1::uuid))`,
    [webhookId, count, attempts],
  )
}

test('new events wait for none of thousands that hang again', async () => {
  const { id } = await listen()
  await insertHanging(id, 3_000, 1)
  await start()
  await eventually(() => countOf('webhook.test') > 0)
  await seed(test_.app).item({ available: 1 })
  for (let count = 1; count <= 20; count++) await seed(test_.app).stock()
  await eventually(() => countOf('inventory.changed') === 21, SOON_MS)
})

test('events that failed wait for none of hundreds that hang at their first attempt', async () => {
  const { id } = await listen()
  await insertHanging(id, 500, 0)
  await seed(test_.app).item({ available: 1 })
  await start()
  await eventually(() => countOf('webhook.test') > 0)
  await test_.app.pool.query(
    `with inserted as (
      insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
      select gen_random_uuid(), $1, 'evt_m' || min(id), 'inventory.changed', 'PENDING', 1, now(), now() from inventory_movements
    )
    select graphile_worker.add_job('send-webhooks', json_build_object('webhookId', $1::uuid))`,
    [id],
  )
  await eventually(() => countOf('inventory.changed') === 1, SOON_MS)
})

test('an event that failed is sent when it is due, while first attempts go on', async () => {
  await seed(test_.app).item({ available: 1 })
  receiver.follow(({ payload }, response) =>
    payload.type === 'webhook.test' ? void setTimeout(() => response.writeHead(204).end(), 200) : 204,
  )
  const { id } = await listen()
  await insertHanging(id, 3_000, 0)
  // nobody says when it is due: the job that sends runs already
  await test_.app.pool.query(
    `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
    select gen_random_uuid(), $1, 'evt_m' || min(id), 'inventory.changed', 'PENDING', 1, now() + interval '2 s', now()
    from inventory_movements`,
    [id],
  )
  await start()
  await eventually(() => countOf('inventory.changed') === 1)
  expect(countOf('webhook.test')).toBeLessThan(3_000)
})

test('a webhook without a success for five minutes has ten calls in flight, of both kinds', async () => {
  const { id } = await listen()
  await test_.app.pool.query(`update webhooks set failing_since = now() - interval '6 min'`)
  for (const attempts of [0, 1]) await insertHanging(id, 100, attempts)
  await start()
  const { first, retry } = WEBHOOK_FAILING_CALLS_MAX
  await eventually(() => receiver.received.length >= first + retry)
  const { rows } = await test_.app.pool.query(
    'select attempts, count(*)::int from webhook_deliveries where next_attempt_at > now() group by attempts order by attempts',
  )
  expect(rows).toEqual([
    { attempts: 0, count: first },
    { attempts: 1, count: retry },
  ])
})
