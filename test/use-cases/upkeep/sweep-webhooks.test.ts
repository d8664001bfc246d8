import { expect, vi } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { WEBHOOK_CLAIM_MS } from '../../../src/limits.ts'
import { claimDue } from '../../../src/sql/webhooks/deliveries.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { deleteWebhook } from '../../../src/use-cases/webhooks/verbs/delete-webhook.ts'
import { redeliverGivenUp } from '../../../src/use-cases/webhooks/verbs/redeliver-webhooks.ts'
import { rotateWebhookSecret } from '../../../src/use-cases/webhooks/verbs/rotate-webhook-secret.ts'
import { testWebhook } from '../../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { updateWebhook } from '../../../src/use-cases/webhooks/verbs/update-webhook.ts'
import { test } from '../../support/fixtures.ts'
import { endReplacedSecret, listenAt } from '../../support/webhooks.ts'

const listen = (app: App) => listenAt(app, 'https://shop.example/hooks', ['inventory.*'])

/** More than one batch of them. */
const insertPending = (app: App, webhookId: string) =>
  app.pool.query(
    `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, next_attempt_at, created_at)
    select gen_random_uuid(), $1, 'evt_m' || number, 'inventory.changed', 'PENDING', now() + interval '1 h', now()
    from generate_series(1, 1500) as number`,
    [webhookId],
  )

test('what is pending of a disabled webhook is given up, but for a test, and not sent again until it is active', async ({
  app,
}) => {
  const { id } = await listen(app)
  const other = await listen(app)
  for (const one of [id, other.id]) await insertPending(app, one)
  await app.pool.query(`update webhooks set status = 'DISABLED', disabled_reason = 'gone' where id = $1`, [
    id,
  ])
  await testWebhook(app, LOCAL_OPERATOR, id)
  const since = new Date(Date.now() - 60_000)
  expect((await sweep(app)).failures).toEqual([])
  const count = (webhookId: string, status: 'PENDING' | 'GIVEN_UP') =>
    app.prisma.webhookDelivery.count({ where: { webhookId, status } })
  expect([await count(id, 'GIVEN_UP'), await count(id, 'PENDING')]).toEqual([1_500, 1])
  expect(await count(other.id, 'PENDING')).toBe(1_500)

  const again = () => redeliverGivenUp(app, LOCAL_OPERATOR, { webhookId: id, since })
  expect((await again()).deliveries).toEqual([])
  await updateWebhook(app, LOCAL_OPERATOR, { id, status: 'ACTIVE' })
  expect((await again()).deliveries).toHaveLength(1_500)
})

test('a webhook without a success for 120 h is disabled, also where no further attempt is due', async ({
  app,
}) => {
  const { id } = await listen(app)
  const [late, due, paused, trying] = [
    await listen(app),
    await listen(app),
    await listen(app),
    await listen(app),
  ]
  const failFor = (hours: number, webhookId: string) =>
    app.pool.query(`update webhooks set failing_since = now() - $1 * interval '1 h' where id = $2`, [
      hours,
      webhookId,
    ])
  await failFor(119, late.id)
  for (const one of [id, due.id, paused.id, trying.id]) await failFor(121, one)
  for (const one of [id, due.id, trying.id]) await insertPending(app, one)
  // no worker was there to try it
  await app.pool.query(
    `update webhook_deliveries set next_attempt_at = now() - interval '1 h' where webhook_id = any ($1) and event_id = 'evt_m1'`,
    [[due.id, trying.id]],
  )
  // its attempt is in flight, and may succeed
  await claimDue(app.pool, trying.id, { sizeMax: { first: 1, retry: 1 }, claimMs: WEBHOOK_CLAIM_MS })
  await app.pool.query(`update webhooks set status = 'PAUSED' where id = $1`, [paused.id])
  const news = vi.spyOn(app, 'onWebhooks')
  expect((await sweep(app)).failures).toEqual([])
  const states = await app.prisma.webhook.findMany({ orderBy: { id: 'asc' } })
  expect(states.map(({ status }) => status)).toEqual(['DISABLED', 'ACTIVE', 'ACTIVE', 'PAUSED', 'ACTIVE'])
  expect(states[0]).toMatchObject({ disabledReason: 'No delivery succeeded for 120 h' })
  const reason = 'No delivery succeeded for 120 h'
  expect(news.mock.calls).toEqual([[[{ kind: 'disabled', webhookId: id, host: 'shop.example', reason }]]])
  // the same sweep gives up what it had pending
  expect(await app.prisma.webhookDelivery.count({ where: { webhookId: id, status: 'PENDING' } })).toBe(0)
  await sweep(app)
  expect(news).toHaveBeenCalledTimes(1)
})

test('what was given up is kept for 30 days', async ({ app }) => {
  const { id } = await listen(app)
  const other = await listen(app)
  const insertEnded = (webhookId: string, status: string, days: number, count: number) =>
    app.pool.query(
      `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, created_at, ended_at)
      select gen_random_uuid(), $1, concat_ws('_', 'evt_m' || number, $2::text, $3::int), 'inventory.changed',
        $2::delivery_status, now(), now() - $3 * interval '1 day'
      from generate_series(1, $4) as number`,
      [webhookId, status, days, count],
    )
  // more than one batch of them
  await insertEnded(id, 'GIVEN_UP', 31, 1_500)
  await insertEnded(id, 'GIVEN_UP', 29, 3)
  await insertEnded(other.id, 'GIVEN_UP', 31, 1)
  await insertEnded(other.id, 'DELIVERED', 31, 2)
  expect((await sweep(app)).failures).toEqual([])
  const left = await app.prisma.webhookDelivery.groupBy({
    by: ['webhookId', 'status'],
    _count: true,
    orderBy: { webhookId: 'asc' },
  })
  expect(left).toEqual([
    { webhookId: id, status: 'GIVEN_UP', _count: 3 },
    { webhookId: other.id, status: 'DELIVERED', _count: 2 },
  ])
})

test('deliveries of a webhook that was deleted are deleted', async ({ app }) => {
  const { id } = await listen(app)
  const kept = await listen(app)
  for (const one of [id, kept.id]) await insertPending(app, one)
  await deleteWebhook(app, LOCAL_OPERATOR, id)
  expect((await sweep(app)).failures).toEqual([])
  const left = await app.prisma.webhookDelivery.groupBy({ by: 'webhookId', _count: true })
  expect(left).toEqual([{ webhookId: kept.id, _count: 1_500 }])
})

test('a secret that was replaced is forgotten once it signs no more', async ({ app }) => {
  const { id } = await listen(app)
  await rotateWebhookSecret(app, LOCAL_OPERATOR, id)
  await rotateWebhookSecret(app, LOCAL_OPERATOR, id)
  const readReplaced = async () =>
    (await app.pool.query('select replaced_secrets from webhooks')).rows[0].replaced_secrets
  await sweep(app)
  const [newest, oldest] = await readReplaced()
  expect(oldest).toBeDefined()
  await endReplacedSecret(app, 1)
  await sweep(app)
  expect(await readReplaced()).toEqual([newest])
})
