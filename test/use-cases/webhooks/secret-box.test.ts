import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { findAddressee } from '../../../src/sql/webhooks/webhooks.ts'
import { sealSecrets } from '../../../src/use-cases/webhooks/seal-secrets.ts'
import { createSecret, SecretBox, signingKeyOf } from '../../../src/use-cases/webhooks/secret-box.ts'
import { rotateWebhookSecret } from '../../../src/use-cases/webhooks/verbs/rotate-webhook-secret.ts'
import { test } from '../../support/fixtures.ts'
import { listenAt } from '../../support/webhooks.ts'

const URL = 'https://shop.example/hooks'

test('a secret is whsec_ and 32 bytes in base64', () => {
  const secret = createSecret()
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/)
  expect(signingKeyOf(secret)).toHaveLength(32)
})

test('what is sealed opens with its key, for its webhook, and as it was', () => {
  const [old, key] = [randomBytes(32), randomBytes(32)]
  const secret = createSecret()
  const sealed = new SecretBox([old]).seal(secret, 'a')
  expect(sealed).not.toContain(secret.slice(6))
  expect(new SecretBox([key, old]).open(sealed, 'a')).toBe(secret)
  expect(new SecretBox([old]).open(sealed, 'b')).toBeUndefined()
  expect(new SecretBox([key]).open(sealed, 'a')).toBeUndefined()
  expect(new SecretBox([old]).open(`${sealed.slice(0, -2)}AA`, 'a')).toBeUndefined()
  const [prefix, iv, tag, text] = sealed.split('.')
  const shortTag = Buffer.from(tag!, 'base64url').subarray(0, 4).toString('base64url')
  expect(new SecretBox([old]).open([prefix, iv, shortTag, text].join('.'), 'a')).toBeUndefined()
  const anew = new SecretBox([key, old]).sealAnew(sealed, 'a')
  expect(new SecretBox([key]).open(anew, 'a')).toBe(secret)
  expect(new SecretBox([key, old]).sealAnew(anew, 'a')).toBe(anew)
})

test('a dump does not give secrets away, and a start seals those from before there was a key', async ({
  app,
}) => {
  const { id, secret } = await listenAt(app, URL, ['*'])
  const { secret: second } = await rotateWebhookSecret(app, LOCAL_OPERATOR, id)
  const { secret: third } = await rotateWebhookSecret(app, LOCAL_OPERATOR, id)
  const stored = async (): Promise<string[]> => (await findAddressee(app.pool, id, 0))[0]!.secrets as string[]
  const assertSealed = async () => {
    for (const one of await stored()) expect(one).toMatch(/^aes256gcm\./)
    expect((await stored()).map((one) => app.secretBox.open(one, id))).toEqual([third, second, secret])
  }
  await assertSealed()
  const until = new Date(Date.now() + 60_000)
  const replaced = [second, secret].map((one) => ({ secret: one, until }))
  await app.pool.query('update webhooks set secret = $1, replaced_secrets = $2', [
    third,
    JSON.stringify(replaced),
  ])
  expect(await stored()).toEqual([third, second, secret])
  await sealSecrets(app)
  await assertSealed()
})

test('a start says of which webhooks it cannot read the secrets', async ({ app }) => {
  const { id } = await listenAt(app, URL, ['*'])
  const news: unknown[] = []
  const keyless = {
    ...app,
    secretBox: new SecretBox([]),
    onWebhooks: (more: readonly unknown[]) => news.push(...more),
  }
  await sealSecrets(keyless)
  expect(news).toEqual([{ kind: 'secrets-unreadable', webhookIds: [id] }])
})
