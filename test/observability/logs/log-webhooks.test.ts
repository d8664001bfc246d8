import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import type { WebhookNews } from '../../../src/domain/webhooks/webhook-news.ts'
import { logWebhooks } from '../../../src/observability/logs/log-webhooks.ts'
import { sealSecrets } from '../../../src/use-cases/webhooks/seal-secrets.ts'
import { SecretBox } from '../../../src/use-cases/webhooks/secret-box.ts'
import { updateWebhook } from '../../../src/use-cases/webhooks/verbs/update-webhook.ts'
import { execute, serveApp } from '../../support/graphql.ts'
import { createTestApp, eventually, seed, startTestWorker } from '../../support/harness.ts'
import { readSamples } from '../../support/metrics.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { untilDelivery } from '../../support/webhooks.ts'

const tried = (isGivenUp: boolean): WebhookNews => ({
  kind: 'attempted',
  webhookId: 'w',
  eventId: 'evt_m1',
  eventType: 'inventory.changed',
  attempt: 1,
  outcome: 'failed',
  isGivenUp,
  result: { responseStatus: 500, responseBody: '', error: null, durationMs: 1, retryAfterMs: null },
})

test('thousands of tries that fail are no lines, and thousands that are given up are one', () => {
  const lines: string[] = []
  const log = logWebhooks(pino({ base: null, timestamp: false }, { write: (line) => void lines.push(line) }))
  log(Array.from({ length: 1_000 }, () => tried(false)))
  expect(lines).toEqual([])
  log(Array.from({ length: 1_000 }, () => tried(true)))
  log([
    { kind: 'failing', webhookId: 'w', host: 'h', reason: 'HTTP 500' },
    { kind: 'recovered', webhookId: 'w', host: 'h', failedForMs: 7 },
  ])
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    {
      level: 40,
      webhookId: 'w',
      count: 1_000,
      responseStatus: 500,
      error: null,
      msg: 'webhook deliveries given up',
    },
    { level: 40, webhookId: 'w', host: 'h', reason: 'HTTP 500', msg: 'webhook fails, retrying' },
    { level: 30, webhookId: 'w', host: 'h', ms: 7, msg: 'webhook delivers again' },
  ])
})

test('no line has a secret, or what of a URL comes after its host, whatever the receiver does', async () => {
  const lines: string[] = []
  // as the code writes them: nothing is redacted afterwards
  const logger = pino({ level: 'trace', base: null }, { write: (line) => void lines.push(line) })
  const testApp = await createTestApp(undefined, undefined, logger)
  onTestFinished(testApp.close)
  const { app } = testApp
  const server = await serveApp(testApp)
  onTestFinished(server.close)
  const receiver = await startReceiver()
  onTestFinished(receiver.close)
  const { origin, host } = new URL(receiver.url)
  const url = `${origin}/path-of-the-shop?token=of-the-shop`
  receiver.follow((_, response) => void response.writeHead(302, { location: `${url}&again` }).end('busy'))
  await seed(app).item({ available: 1 })
  const worker = await startTestWorker(testApp)
  onTestFinished(() => worker.stop())

  const created = await execute(
    server,
    'mutation ($url: String!) { createWebhook(input: { url: $url, events: ["*"] }) { webhook { id } secret } }',
    { url },
  )
  const { webhook, secret } = created.data.createWebhook
  const { id } = webhook
  const rotated = await execute(server, 'mutation ($id: ID!) { rotateWebhookSecret(id: $id) { secret } }', {
    id,
  })
  await execute(server, `mutation { createWebhook(input: { url: "${url}#x", events: ["*"] }) { secret } }`)
  await seed(app).stock()
  await untilDelivery(app, id, ({ attempts }) => attempts === 1)
  // nobody is there
  await updateWebhook(app, LOCAL_OPERATOR, { id, url: url.replace(host, '127.0.0.1:9') })
  await untilDelivery(app, id, ({ error }) => error !== null)
  await sealSecrets({ ...app, secretBox: new SecretBox([]) })
  receiver.follow(() => 204)
  await updateWebhook(app, LOCAL_OPERATOR, { id, url })
  await untilDelivery(app, id, ({ status }) => status === 'DELIVERED')
  receiver.follow(() => 410)
  await seed(app).stock()
  await untilDelivery(app, id, ({ status }) => status === 'GIVEN_UP')
  await eventually(() => lines.some((line) => line.includes('webhook disabled')))

  const messages = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg?.startsWith('webhook'))
  expect(messages.map(({ msg }) => msg)).toEqual(
    expect.arrayContaining([
      'webhook fails, retrying',
      'webhook secrets cannot be read: no key of WEBHOOK_SECRET_KEY opens them',
      'webhook deliveries given up',
    ]),
  )
  expect(messages.at(-1)).toMatchObject({
    level: 50,
    msg: 'webhook disabled',
    webhookId: id,
    host,
    reason: 'The receiver answered 410 Gone',
  })
  expect((await readSamples(app)).get('holdfast_webhooks_disabled_total')).toBe(1)
  const text = lines.join('')
  expect(text).not.toMatch(/of-the-shop|aes256gcm/)
  for (const one of [secret, rotated.data.rotateWebhookSecret.secret]) {
    expect(one).toMatch(/^whsec_/)
    expect(text).not.toContain(one.slice('whsec_'.length))
  }
})
