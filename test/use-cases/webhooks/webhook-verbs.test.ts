import { describe, expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { refuseAddresses } from '../../../src/outgoing/refuse-addresses.ts'
import { createWebhook } from '../../../src/use-cases/webhooks/verbs/create-webhook.ts'
import { deleteWebhook } from '../../../src/use-cases/webhooks/verbs/delete-webhook.ts'
import { redeliverGivenUp } from '../../../src/use-cases/webhooks/verbs/redeliver-webhooks.ts'
import { rotateWebhookSecret } from '../../../src/use-cases/webhooks/verbs/rotate-webhook-secret.ts'
import { testWebhook } from '../../../src/use-cases/webhooks/verbs/test-webhook.ts'
import { updateWebhook } from '../../../src/use-cases/webhooks/verbs/update-webhook.ts'
import { test } from '../../support/fixtures.ts'
import { endReplacedSecret, listenAt } from '../../support/webhooks.ts'

const url = 'https://shop.example/hooks'
const UNKNOWN = '019a2f6e-7c1b-7d3a-9e42-5b8f0c6d1e2a'

describe('createWebhook', () => {
  test('shows the secret once, also where the call comes twice', async ({ app }) => {
    const request = { url, events: ['order.*', 'order.*'], idempotencyKey: 'once' }
    const first = await createWebhook(app, LOCAL_OPERATOR, request)
    expect(first).toMatchObject({ webhook: { url, events: ['order.*'], status: 'ACTIVE' }, userErrors: [] })
    expect(first.secret).toMatch(/^whsec_/)
    const second = await createWebhook(app, LOCAL_OPERATOR, request)
    expect(second).toEqual({ webhook: first.webhook, secret: null, userErrors: [] })
    const other = await createWebhook(app, LOCAL_OPERATOR, { ...request, events: ['*'] })
    expect(other.userErrors).toMatchObject([{ code: 'IDEMPOTENCY_KEY_REUSED' }])
    await deleteWebhook(app, LOCAL_OPERATOR, first.webhook!.id)
    const late = await createWebhook(app, LOCAL_OPERATOR, request)
    expect(late).toMatchObject({ webhook: null, userErrors: [{ code: 'UNKNOWN_WEBHOOK' }] })
  })

  test('refuses what is no URL of a receiver', async ({ app }) => {
    const strict = {
      ...app,
      assertWebhookHost: refuseAddresses('webhook', { mayBePrivate: false }).assertHost,
    }
    const wrong = [
      'ftp://shop.example',
      'https://u:p@shop.example',
      'http://127.0.0.1',
      'http://[::1]/',
      'http://169.254.169.254/',
    ]
    for (const one of [...wrong, 'http://10.0.0.1/', 'http://2130706433/']) {
      const { userErrors } = await createWebhook(strict, LOCAL_OPERATOR, { url: one, events: ['*'] })
      expect(userErrors, one).toMatchObject([{ code: 'INVALID_URL', field: ['input', 'url'] }])
    }
  })

  test('names an event that does not exist, and what would be right', async ({ app }) => {
    const create = (events: string[]) => createWebhook(app, LOCAL_OPERATOR, { url, events })
    await expect(create(['order.gone'])).rejects.toThrow(/events may be \*, order\.\*.*; not "order\.gone"/)
    await expect(create([])).rejects.toThrow(/events must be 1 to/)
  })

  test('makes no more than 50', async ({ app }) => {
    for (let count = 1; count <= 50; count++) await listenAt(app, url, ['*'])
    await expect(listenAt(app, url, ['*'])).rejects.toThrow(
      'There are 50 webhooks, and 50 at most: delete one',
    )
  })
})

test('each verb says which webhook there is not', async ({ app }) => {
  const unknown = { userErrors: [{ code: 'UNKNOWN_WEBHOOK' }] }
  for (const id of [UNKNOWN, 'nonsense']) {
    expect(await updateWebhook(app, LOCAL_OPERATOR, { id })).toMatchObject(unknown)
    expect(await deleteWebhook(app, LOCAL_OPERATOR, id)).toMatchObject(unknown)
    expect(await rotateWebhookSecret(app, LOCAL_OPERATOR, id)).toMatchObject(unknown)
    expect(await testWebhook(app, LOCAL_OPERATOR, id)).toMatchObject(unknown)
    const since = new Date()
    expect(await redeliverGivenUp(app, LOCAL_OPERATOR, { webhookId: id, since })).toMatchObject(unknown)
  }
})

test('a secret is not rotated while 5 that were replaced still sign', async ({ app }) => {
  const { id } = await listenAt(app, url, ['*'])
  const rotate = () => rotateWebhookSecret(app, LOCAL_OPERATOR, id)
  for (let count = 1; count <= 5; count++) expect((await rotate()).secret).toMatch(/^whsec_/)
  await expect(rotate()).rejects.toThrow('5 secrets that were replaced in the last 24 h still sign')
  await endReplacedSecret(app, 4)
  expect((await rotate()).secret).toMatch(/^whsec_/)
})

test('only Holdfast disables', async ({ app }) => {
  const { id } = await listenAt(app, url, ['*'])
  await expect(updateWebhook(app, LOCAL_OPERATOR, { id, status: 'DISABLED' })).rejects.toThrow(
    'ACTIVE or PAUSED',
  )
})

test('what is left out of an update stays as it is', async ({ app }) => {
  const { id } = await listenAt(app, url, ['stock.*'])
  const { webhook } = await updateWebhook(app, LOCAL_OPERATOR, { id, events: ['stock.low'] })
  expect(webhook).toMatchObject({ url, events: ['stock.low'], status: 'ACTIVE' })
  const moved = await updateWebhook(app, LOCAL_OPERATOR, { id, url: `${url}/2`, status: 'PAUSED' })
  expect(moved.webhook).toMatchObject({ url: `${url}/2`, events: ['stock.low'], status: 'PAUSED' })
})
