import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { sweep } from '../../../src/use-cases/upkeep/sweep.ts'
import { SecretBox } from '../../../src/use-cases/webhooks/secret-box.ts'
import { testWebhook } from '../../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { updateWebhook } from '../../../src/use-cases/webhooks/verbs/update-webhook.ts'
import { test as base } from '../../support/fixtures.ts'
import { eventually, seed, startTestWorker } from '../../support/harness.ts'
import { readJobs } from '../../support/queue.ts'
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { listenAt, makeDue, untilDelivery } from '../../support/webhooks.ts'

const test = base
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture asks for
  .extend('receiver', async ({}, { onCleanup }) => {
    const receiver = await startReceiver()
    onCleanup(() => receiver.close())
    return receiver
  })
  .extend('worker', async ({ testApp }, { onCleanup }) => {
    const worker = await startTestWorker(testApp)
    onCleanup(() => worker.stop())
    return worker
  })

test.beforeEach(async ({ app, worker: _ }) => {
  await seed(app).item({ available: 5 })
})

const listen = ({ app, receiver }: { app: App; receiver: Receiver }) =>
  listenAt(app, receiver.url, ['inventory.changed'])
const readWebhook = (app: App, id: string) => app.prisma.webhook.findUniqueOrThrow({ where: { id } })

test('a webhook is disabled by a 410, and what was pending is given up', async ({ app, receiver }) => {
  receiver.follow(() => 410)
  const { id } = await listen({ app, receiver })
  await seed(app).stock()
  await untilDelivery(app, id, ({ status }) => status === 'GIVEN_UP')
  expect(await readWebhook(app, id)).toMatchObject({
    status: 'DISABLED',
    disabledReason: 'The receiver answered 410 Gone',
  })
  await seed(app).stock()
  receiver.follow(() => 204)
  await testWebhook(app, LOCAL_OPERATOR, id)
  await eventually(() => receiver.typesOf().includes('webhook.test'))
  expect(receiver.received).toHaveLength(2)
  // what happened meanwhile is told once it is active again
  await updateWebhook(app, LOCAL_OPERATOR, { id, status: 'ACTIVE' })
  await eventually(() => receiver.received.length === 3)
})

test('a webhook is disabled after 120 h without a success, and not before', async ({ app, receiver }) => {
  receiver.follow(() => 503)
  const { id } = await listen({ app, receiver })
  const failFor = async (hours: number, attempt: number) => {
    await app.pool.query(`update webhooks set failing_since = now() - $1 * interval '1 h'`, [hours])
    await makeDue(app)
    await untilDelivery(app, id, ({ attempts, status }) => attempts === attempt || status === 'GIVEN_UP')
  }
  await seed(app).stock()
  await untilDelivery(app, id, ({ attempts }) => attempts === 1)
  await failFor(119, 2)
  expect((await readWebhook(app, id)).status).toBe('ACTIVE')
  await failFor(121, 3)
  expect(await readWebhook(app, id)).toMatchObject({
    status: 'DISABLED',
    disabledReason: 'No delivery succeeded for 120 h; the last attempt: HTTP 503',
  })
})

test('a webhook that is paused is told later', async ({ app, receiver }) => {
  const { id } = await listen({ app, receiver })
  await updateWebhook(app, LOCAL_OPERATOR, { id, status: 'PAUSED' })
  for (const _ of [1, 2, 3]) await seed(app).stock()
  await testWebhook(app, LOCAL_OPERATOR, id)
  await eventually(() => receiver.received.length === 1)
  expect(receiver.typesOf()).toEqual(['webhook.test'])
  await updateWebhook(app, LOCAL_OPERATOR, { id, status: 'ACTIVE' })
  await eventually(() => receiver.received.length === 4)
})

test('a webhook whose secret this process cannot open is left alone for a minute, and fails no attempt', async ({
  app,
  receiver,
}) => {
  const { id } = await listen({ app, receiver })
  const { secretBox } = app
  app.secretBox = new SecretBox([Buffer.alloc(32, 8)])
  await seed(app).stock()
  await eventually(async () => {
    const jobs = await readJobs(app.pool, { task: 'send-webhooks', isHeld: false })
    return jobs.length === 1 && jobs[0]!.dueInMs > 50_000 && jobs[0]!.dueInMs <= 60_000
  })
  expect((await sweep(app)).webhooks).toEqual([])
  expect(await untilDelivery(app, id, () => true)).toMatchObject({ status: 'PENDING', attempts: 0 })
  expect((await readWebhook(app, id)).failingSince).toBeNull()
  app.secretBox = secretBox
  await makeDue(app)
  await untilDelivery(app, id, ({ status }) => status === 'DELIVERED')
})

test('a webhook that hangs slows no other, and none of its other events', async ({ app, receiver }) => {
  const dead = await startReceiver()
  dead.follow(() => undefined)
  await listenAt(app, dead.url, ['*'])
  let isFirst = true
  receiver.follow(() => {
    if (!isFirst) return 204
    isFirst = false
    return undefined
  })
  await listen({ app, receiver })
  for (let count = 1; count <= 60; count++) await seed(app).stock()
  const startedAtMs = performance.now()
  await eventually(() => receiver.received.length === 60)
  expect(performance.now() - startedAtMs).toBeLessThan(10_000)
  expect(dead.received.length).toBeGreaterThan(0)
  await dead.close()
})

test('a webhook keeps the last 1,000 that were delivered', async ({ app, receiver }) => {
  const { id } = await listen({ app, receiver })
  await app.pool.query(
    `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, created_at, ended_at)
    select gen_random_uuid(), $1, 'evt_m' || 1000000 + number, 'inventory.changed', 'DELIVERED', now(), now() - interval '1 h'
    from generate_series(1, 1000) as number`,
    [id],
  )
  await seed(app).stock()
  await untilDelivery(app, id, ({ attempts }) => attempts === 1)
  const delivered = { webhookId: id, status: 'DELIVERED' } as const
  await sweep(app)
  expect(await app.prisma.webhookDelivery.count({ where: delivered })).toBe(1_000)
})
