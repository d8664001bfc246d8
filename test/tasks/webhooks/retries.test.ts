import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { Worker } from '../../../src/tasks/worker.ts'
import {
  redeliverGivenUp,
  redeliverWebhooks,
} from '../../../src/use-cases/webhooks/verbs/redeliver-webhooks.ts'
import { updateWebhook } from '../../../src/use-cases/webhooks/verbs/update-webhook.ts'
import { createTestApp, eventually, seed, startTestWorker, type TestApp } from '../../support/harness.ts'
import { type QueuedJob, readJobs, untilNoJobs } from '../../support/queue.ts'
import { type Receiver, startReceiver } from '../../support/webhook-receiver.ts'
import { listenAt, makeDue, untilDelivery } from '../../support/webhooks.ts'

let test_: TestApp
let worker: Worker
let receiver: Receiver

beforeEach(async () => {
  test_ = await createTestApp()
  receiver = await startReceiver()
  worker = await startTestWorker(test_)
  await seed(test_.app).item({ available: 5 })
})
afterEach(async () => {
  await worker.stop()
  await receiver.close()
  await test_.close()
})

const listen = () => listenAt(test_.app, receiver.url, ['inventory.changed'])
const webhook = (id: string) => test_.app.prisma.webhook.findUniqueOrThrow({ where: { id } })
/** Seconds from now on. */
const secondsTo = (at: Date | null) => ((at?.getTime() ?? 0) - Date.now()) / 1_000

describe('an attempt that fails', () => {
  test('is made again under the same id, and shows its result', async () => {
    receiver.follow((_, response) => void response.writeHead(500).end('x'.repeat(2_000)))
    const news = vi.spyOn(test_.app, 'onWebhooks')
    const { id } = await listen()
    await seed(test_.app).stock()
    const failed = await untilDelivery(test_.app, id, ({ attempts }) => attempts === 1)
    expect(failed).toMatchObject({ status: 'PENDING', responseStatus: 500, responseBody: 'x'.repeat(1_024) })
    expect(secondsTo(failed.nextAttemptAt)).toBeGreaterThan(3)
    expect(secondsTo(failed.nextAttemptAt)).toBeLessThan(5.6)
    expect((await webhook(id)).failingSince).not.toBeNull()
    receiver.follow(() => 204)
    const delivered = await untilDelivery(test_.app, id, ({ status }) => status === 'DELIVERED')
    expect(delivered).toMatchObject({ id: failed.id, attempts: 2, responseStatus: 204, nextAttemptAt: null })
    expect((await webhook(id)).failingSince).toBeNull()
    const kinds = news.mock.calls.flatMap(([all]) => all.map(({ kind }) => kind))
    expect(kinds).toEqual(['attempted', 'failing', 'attempted', 'recovered'])
    const ids = receiver.received.map(({ headers }) => headers['webhook-id'])
    expect(ids).toEqual([delivered.eventId, delivered.eventId])
  })

  test('shares one job with all that failed, for when the first of them is due', async () => {
    receiver.follow(() => 500)
    const { id } = await listen()
    for (const _ of [1, 2, 3, 4, 5]) await seed(test_.app).stock()
    const { prisma, pool } = test_.app
    await eventually(
      async () => (await prisma.webhookDelivery.count({ where: { webhookId: id, attempts: 1 } })) === 5,
    )
    const [job] = (await eventually(async () => {
      const jobs = await readJobs(pool, { task: 'send-webhooks' })
      return jobs.length === 1 && jobs[0]!.heldBy === null ? jobs : undefined
    })) as QueuedJob[]
    const first = await prisma.webhookDelivery.findFirstOrThrow({ orderBy: { nextAttemptAt: 'asc' } })
    expect(job!.dueInMs / 1_000).toBeCloseTo(secondsTo(first.nextAttemptAt), 0)
    receiver.follow(() => 204)
    await eventually(
      async () => (await prisma.webhookDelivery.count({ where: { status: 'DELIVERED' } })) === 5,
    )
    await untilNoJobs(pool)
  })

  test('waits for as long as Retry-After says', async () => {
    receiver.follow((_, response) => void response.writeHead(429, { 'retry-after': '600' }).end())
    const { id } = await listen()
    await seed(test_.app).stock()
    const { nextAttemptAt } = await untilDelivery(test_.app, id, ({ attempts }) => attempts === 1)
    expect(secondsTo(nextAttemptAt)).toBeGreaterThan(590)
    expect(secondsTo(nextAttemptAt)).toBeLessThan(665)
  })

  test('is a redirect, which is not followed', async () => {
    receiver.follow((_, response) => void response.writeHead(302, { location: receiver.url }).end())
    const { id } = await listen()
    await seed(test_.app).stock()
    await untilDelivery(
      test_.app,
      id,
      ({ attempts, responseStatus }) => attempts === 1 && responseStatus === 302,
    )
    expect(receiver.received).toHaveLength(1)
  })

  test('is an answer that breaks off before its head', async () => {
    receiver.follow((_, response) => void response.socket!.destroy())
    const { id } = await listen()
    await seed(test_.app).stock()
    const { error, responseStatus } = await untilDelivery(test_.app, id, ({ attempts }) => attempts === 1)
    expect(responseStatus).toBeNull()
    expect(error).toContain('UND_ERR_SOCKET')
  })

  test('is one whose payload cannot be made: it is tried again, and stops no other', async () => {
    const { id } = await listen()
    const { pool } = test_.app
    await pool.query(
      `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, next_attempt_at, created_at)
      values
        (gen_random_uuid(), $1, 'evt_test_1', 'order.created', 'PENDING', now(), now()),
        (gen_random_uuid(), $1, (select 'evt_m' || min(id) from inventory_movements), 'order.created', 'PENDING', now(), now()),
        (gen_random_uuid(), $1, 'evt_m999999', 'inventory.changed', 'PENDING', now(), now()),
        (gen_random_uuid(), $1, 'no-event', 'inventory.changed', 'PENDING', now(), now())`,
      [id],
    )
    await seed(test_.app).stock()
    await untilDelivery(
      test_.app,
      id,
      ({ eventType, status }) => eventType === 'inventory.changed' && status === 'DELIVERED',
    )
    const failed = await untilDelivery(test_.app, id, ({ error }) =>
      String(error).includes('A movement is no'),
    )
    expect(failed).toMatchObject({
      status: 'PENDING',
      attempts: 1,
      error: 'not sent: its payload cannot be made: A movement is no order.created',
    })
    const deleted = await test_.app.prisma.webhookDelivery.findMany({ where: { status: 'GIVEN_UP' } })
    expect(deleted.map(({ eventId, attempts, error }) => [eventId, attempts, error]).sort()).toEqual([
      ['evt_m999999', 1, 'not sent: what it is about was deleted'],
      ['no-event', 1, 'not sent: what it is about was deleted'],
    ])
    // the receiver did nothing wrong
    expect((await webhook(id)).failingSince).toBeNull()
  })

  test('is no attempt that the end of the process cut off', async () => {
    receiver.follow(() => undefined)
    const { id } = await listen()
    await seed(test_.app).stock()
    await eventually(() => receiver.received.length === 1)
    const stopping = worker.stop()
    // as the server does with its client, after a while
    await new Promise((resolve) => setTimeout(resolve, 200))
    await receiver.close()
    await stopping
    expect(await untilDelivery(test_.app, id, () => true)).toMatchObject({ status: 'PENDING', attempts: 0 })
    receiver = await startReceiver()
    worker = await startTestWorker(test_)
  })

  test('at a URL that was replaced meanwhile says nothing of the new one, which gets it at once', async () => {
    let answer = () => {}
    receiver.follow((_, response) => {
      answer = () => void response.writeHead(410).end()
      return undefined
    })
    const { id } = await listen()
    await seed(test_.app).stock()
    await eventually(() => receiver.received.length === 1)
    const other = await startReceiver()
    await updateWebhook(test_.app, LOCAL_OPERATOR, { id, url: other.url })
    answer()
    const failed = await untilDelivery(test_.app, id, ({ attempts }) => attempts === 1)
    expect(failed).toMatchObject({ status: 'PENDING', responseStatus: 410 })
    expect(await webhook(id)).toMatchObject({ status: 'ACTIVE', failingSince: null })
    await untilDelivery(test_.app, id, ({ status }) => status === 'DELIVERED')
    expect(other.received).toHaveLength(1)
    await other.close()
  })

  test('is made again at once where an operator says that the receiver was mended', async () => {
    receiver.follow((_, response) => void response.writeHead(503, { 'retry-after': '600' }).end())
    const { id } = await listen()
    await seed(test_.app).stock()
    await untilDelivery(test_.app, id, ({ attempts }) => attempts === 1)
    receiver.follow(() => 204)
    await updateWebhook(test_.app, LOCAL_OPERATOR, { id, status: 'ACTIVE' })
    await untilDelivery(test_.app, id, ({ status }) => status === 'DELIVERED')
  })

  test('is given up after the tenth, and sent again on request', async () => {
    receiver.follow(() => 500)
    const since = new Date(Date.now() - 60_000)
    const { id } = await listen()
    await seed(test_.app).stock()
    for (let attempt = 1; attempt < 10; attempt++) {
      await untilDelivery(test_.app, id, ({ attempts }) => attempts === attempt)
      await makeDue(test_.app)
    }
    const givenUp = await untilDelivery(test_.app, id, ({ status }) => status === 'GIVEN_UP')
    expect(givenUp.attempts).toBe(10)
    receiver.follow(() => 200)
    const again = await redeliverGivenUp(test_.app, LOCAL_OPERATOR, { webhookId: id, since })
    expect(again.deliveries).toMatchObject([{ id: givenUp.id, status: 'PENDING', attempts: 0 }])
    await untilDelivery(test_.app, id, ({ status }) => status === 'DELIVERED')
    await redeliverWebhooks(test_.app, LOCAL_OPERATOR, [givenUp.id, 'nonsense'])
    await eventually(() => receiver.received.length === 12)
    const ids = new Set(receiver.received.map(({ headers }) => headers['webhook-id']))
    expect(ids).toEqual(new Set([givenUp.eventId]))
  })

  test('is not sent a second time while it is in flight', async () => {
    const answers: (() => void)[] = []
    receiver.follow((_, response) => void answers.push(() => response.writeHead(204).end()))
    const { id } = await listen()
    await seed(test_.app).stock()
    await eventually(() => answers.length === 1)
    const inFlight = await untilDelivery(test_.app, id, ({ status }) => status === 'PENDING')
    const again = await redeliverWebhooks(test_.app, LOCAL_OPERATOR, [inFlight.id])
    expect(again.deliveries).toMatchObject([{ id: inFlight.id, status: 'PENDING' }])
    await sleep(1_000)
    answers[0]!()
    await untilDelivery(test_.app, id, ({ status }) => status === 'DELIVERED')
    expect(receiver.received).toHaveLength(1)
  })
})
