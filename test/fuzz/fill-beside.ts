import { expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { reservationJob } from '../../src/domain/upkeep/jobs.ts'
import { checkNextInvariant } from '../../src/use-cases/upkeep/check-invariants.ts'
import { testWebhook } from '../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { addJob, changeJobs } from '../support/queue.ts'
import { listenAt } from '../support/webhooks.ts'

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const DELETED_WEBHOOKS = 10
const QUIET_DELIVERIES = 20
/** Each of its events is rare: what is fuzzed is the API, and no receiver. */
const EVENTS = ['stock.out', 'order.expired']

/** Webhooks and their deliveries, as they are when fuzzing begins. `deleted`: those that calls may delete. */
export type FilledWebhooks = { url: string; webhooks: string[]; deliveries: string[]; deleted: string[] }

/** Puts a worker that holds a job of these orders into the queue, and has one invariant checked. */
export async function fillUpkeep(app: App, orders: readonly string[]): Promise<void> {
  const origin = { caller: 'alice', traceparent: TRACEPARENT }
  const { task, payload } = reservationJob(orders.map((orderId) => ({ orderId, origin })))
  // by the time that another worker sees it, it is held
  const client = await app.pool.connect()
  await client.query('begin')
  const id = await addJob(client, task, payload)
  const held = { heldBy: 'held', attempts: 1, error: 'it was out of luck' }
  expect(await changeJobs(client, held, { ids: [id] })).toBe(1)
  await client.query('commit')
  client.release()
  // alive for as long as it takes
  await app.pool.query(
    `insert into workers (id, pool_ids, started_at, seen_at, circuit, jobs_held)
    values ('held', '{held}', now(), now() + interval '1 d', 'closed', '{"reserve-inventory": 1}')`,
  )
  await checkNextInvariant(app, 1)
}

/** Creates webhooks. One is disabled. Of the deliveries of another, which no call names, each field has a value. */
export async function fillWebhooks(app: App, serverUrl: string): Promise<FilledWebhooks> {
  // it takes no POST
  const url = `${serverUrl}/health/live`
  const ids: string[] = []
  for (let count = 0; count < 3 + DELETED_WEBHOOKS; count++) ids.push((await listenAt(app, url, EVENTS)).id)
  const [active, disabled, quiet, ...deleted] = ids
  for (let count = 0; count < QUIET_DELIVERIES; count++) await testWebhook(app, LOCAL_OPERATOR, quiet!)
  await app.pool.query(
    `update webhook_deliveries set attempts = 1, next_attempt_at = now() + interval '1 d', response_status = 500,
      response_body = 'no', error = 'no answer', duration_ms = 7`,
  )
  const { deliveries } = await testWebhook(app, LOCAL_OPERATOR, active!)
  await app.pool.query(
    `update webhooks set status = 'DISABLED', disabled_reason = 'it answered 410', failing_since = now() where id = $1`,
    [disabled],
  )
  return { url, webhooks: [active!, disabled!], deliveries: deliveries.map(({ id }) => id), deleted }
}
