import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { createAuthenticate } from '../../../src/http/access/create-authenticate.ts'
import { createLogger } from '../../../src/observability/logs/logger.ts'
import { bySecret, mint, SECRET } from '../../support/tokens.ts'

const logger = createLogger('silent')
const ISSUER = 'https://issuer.test'
const AUDIENCE = 'holdfast'
const strict = { secret: SECRET, issuer: ISSUER, audience: AUDIENCE }
const now = () => Math.floor(Date.now() / 1000)
const claims = (over: object = {}) => ({
  sub: 'alice',
  role: 'customer',
  iss: ISSUER,
  aud: AUDIENCE,
  exp: now() + 60,
  ...over,
})

const sign = (
  payload: object,
  { alg = 'HS256', secret = SECRET, kid = undefined as string | undefined } = {},
) => new SignJWT({ ...payload }).setProtectedHeader({ alg, ...(kid && { kid }) }).sign(Buffer.from(secret))

afterEach(() => vi.useRealTimers())

describe('a token signed by the shared secret', () => {
  const authenticate = createAuthenticate(strict, logger)
  const codeOf = async (authorization: string | undefined): Promise<string> => {
    try {
      await authenticate(authorization)
      return 'taken'
    } catch (error) {
      expect(error).toMatchObject({ name: 'CallError' })
      return (error as { code: string }).code
    }
  }

  test('says who calls, what they may be and until when', async () => {
    const payload = claims()
    expect(await authenticate(`Bearer ${await sign(payload)}`)).toEqual({
      id: 'alice',
      role: 'customer',
      expiresAt: new Date(payload.exp * 1000),
    })
  })

  test.each([
    ['another secret', () => sign(claims(), { secret: 'another secret, which is as long as ours' })],
    [
      'another algorithm of the same family',
      () => sign(claims(), { alg: 'HS512', secret: SECRET.repeat(2) }),
    ],
    ['no signature: alg none', async () => new UnsecuredJWT(claims()).encode()],
    ['a signature that is cut off', async () => (await sign(claims())).replace(/[^.]+$/, '')],
    ['claims that were changed', async () => tamper(await sign(claims()), claims({ role: 'operator' }))],
    ['another issuer', () => sign(claims({ iss: 'https://elsewhere.test' }))],
    ['no issuer', () => sign(claims({ iss: undefined }))],
    ['another audience', () => sign(claims({ aud: 'another' }))],
    ['no audience', () => sign(claims({ aud: undefined }))],
    ['an end in the past, by a second', () => sign(claims({ exp: now() - 1 }))],
    ['no end', () => sign(claims({ exp: undefined }))],
    ['an end that is no number', () => sign(claims({ exp: 'never' }))],
    ['a beginning that is to come', () => sign(claims({ nbf: now() + 60 }))],
    ['no subject', () => sign(claims({ sub: undefined }))],
    ['a subject that is no string', () => sign(claims({ sub: 7 }))],
    ['an empty subject', () => sign(claims({ sub: '' }))],
    ['a subject that cannot be stored', () => sign(claims({ sub: 'alice\0' }))],
    ['a subject without end', () => sign(claims({ sub: 'a'.repeat(256) }))],
    ['no end of claims', () => sign(claims({ groups: 'x'.repeat(9_000) }))],
  ])('is UNAUTHENTICATED with %s', async (_name, token) => {
    expect(await codeOf(`Bearer ${await token()}`)).toBe('UNAUTHENTICATED')
  })

  test.each([undefined, '', 'Bearer', 'Bearer ', 'Bearer x', 'Bearer a.b.c', 'Basic YTpi', 'Bearer a b'])(
    'is UNAUTHENTICATED as %j',
    async (authorization) => expect(await codeOf(authorization)).toBe('UNAUTHENTICATED'),
  )

  test('is taken with the word Bearer in any case, and with nothing before the token', async () => {
    const token = await sign(claims())
    expect(await codeOf(`bearer ${token}`)).toBe('taken')
    expect(await codeOf(token)).toBe('UNAUTHENTICATED')
  })

  test.each([undefined, 'admin', 'OPERATOR', '', null, ['operator'], { operator: true }, 'toString'])(
    'is FORBIDDEN with the role %j',
    async (role) => expect(await codeOf(`Bearer ${await sign(claims({ role }))}`)).toBe('FORBIDDEN'),
  )

  test('is taken from an issuer whose clock is seconds ahead', async () => {
    expect(await codeOf(`Bearer ${await sign(claims({ nbf: now() + 3, iat: now() + 3 }))}`)).toBe('taken')
  })

  test('is known for a while, and to its end at most', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    const authorization = `Bearer ${await sign(claims({ exp: now() + 10 }))}`
    const verifying = authenticate(authorization)
    expect(verifying).toBeInstanceOf(Promise)
    await verifying
    // at once, without being verified anew
    expect(authenticate(authorization)).toMatchObject({ id: 'alice' })
    vi.setSystemTime(Date.now() + 11_000)
    expect(await codeOf(authorization)).toBe('UNAUTHENTICATED')
  })
})

test('without an issuer or an audience to look for, a token may say any', async () => {
  const authenticate = createAuthenticate(bySecret, logger)
  expect(await authenticate(`Bearer ${await sign(claims())}`)).toMatchObject({ id: 'alice' })
  expect(await authenticate(`Bearer ${await mint('bob', 'service')}`)).toMatchObject({ id: 'bob' })
})

describe('a token signed by a key of the JWKS URL', () => {
  let keys: JWK[] = []
  let isAway = false
  let asked = 0
  const server = createServer((_request, response) => {
    asked++
    if (isAway) response.writeHead(503).end()
    else response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys }))
  })
  let settings: Parameters<typeof createAuthenticate>[0]
  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const jwksUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`
    settings = { jwksUrl, issuer: ISSUER, audience: AUDIENCE }
  })
  afterAll(() => server.close())

  async function makeKey(kid: string, alg = 'ES256') {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true })
    return {
      publicKey,
      jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
      sign: (payload: object = claims(), header: object = {}) =>
        new SignJWT({ ...payload }).setProtectedHeader({ alg, kid, ...header }).sign(privateKey),
    }
  }

  /** Puts the clock that waits are counted by forward. */
  const pass = (ms: number) => vi.spyOn(performance, 'now').mockReturnValue(performance.now() + ms)
  afterEach(() => {
    vi.restoreAllMocks()
    isAway = false
  })

  test.each(['RS256', 'PS512', 'ES384', 'EdDSA'])('is taken with %s', async (alg) => {
    const key = await makeKey('one', alg)
    keys = [key.jwk]
    const authenticate = createAuthenticate(settings, logger)
    expect(await authenticate(`Bearer ${await key.sign()}`)).toMatchObject({ id: 'alice' })
  })

  test('is refused where it is an HMAC by the public key, in any form of it', async () => {
    const key = await makeKey('one', 'RS256')
    keys = [key.jwk, { kty: 'oct', k: Buffer.from(SECRET).toString('base64url'), kid: 'oct', alg: 'HS256' }]
    const authenticate = createAuthenticate(settings, logger)
    const pem = await exportSPKI(key.publicKey)
    for (const secret of [pem, pem.trim(), JSON.stringify(key.jwk), key.jwk.n!]) {
      const token = await sign(claims(), { secret, kid: 'one' })
      await expect(async () => authenticate(`Bearer ${token}`)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    }
    const byOct = await sign(claims(), { kid: 'oct' })
    await expect(async () => authenticate(`Bearer ${byOct}`)).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    })
  })

  test('is refused with a key that is unknown, or that is in the token itself', async () => {
    const [key, other] = [await makeKey('one'), await makeKey('two')]
    keys = [key.jwk]
    const authenticate = createAuthenticate(settings, logger)
    for (const token of [
      await other.sign(),
      await other.sign(claims(), { kid: 'one' }),
      await other.sign(claims(), { kid: undefined }),
      await other.sign(claims(), { jwk: other.jwk }),
      await other.sign(claims(), { jku: 'http://127.0.0.1:1/keys' }),
      new UnsecuredJWT(claims()).encode(),
    ]) {
      await expect(async () => authenticate(`Bearer ${token}`)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    }
  })

  test.each(['RS256', 'ES256', 'EdDSA'])(
    'is tried by each key that fits where it names none, %s',
    async (alg) => {
      const [one, two, other] = [
        await makeKey('one', alg),
        await makeKey('two', alg),
        await makeKey('x', alg),
      ]
      const { kid: _, ...nameless } = other.jwk
      keys = [one.jwk, { ...two.jwk, alg: undefined }, nameless, (await makeKey('rsa', 'PS256')).jwk]
      const authenticate = createAuthenticate(settings, logger)
      for (const key of [one, two, other]) {
        const token = await key.sign(claims(), { kid: undefined })
        expect(await authenticate(`Bearer ${token}`)).toMatchObject({ id: 'alice' })
      }
      // what is wrong with its claims is still told
      const late = await two.sign(claims({ exp: now() - 1 }), { kid: undefined })
      await expect(async () => authenticate(`Bearer ${late}`)).rejects.toThrow('The token has expired')
      const stranger = await (await makeKey('y', alg)).sign(claims(), { kid: undefined })
      await expect(async () => authenticate(`Bearer ${stranger}`)).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      })
    },
  )

  test('is tried by each key of the id that it names, where several have it', async () => {
    const [one, two] = [await makeKey('same'), await makeKey('same')]
    keys = [one.jwk, two.jwk]
    const authenticate = createAuthenticate(settings, logger)
    for (const key of [one, two]) {
      expect(await authenticate(`Bearer ${await key.sign()}`)).toMatchObject({ id: 'alice' })
    }
  })

  test.each([1, 2])('is taken right after a rotation that it does not name, of %i keys', async (count) => {
    const olds = await Promise.all(Array.from({ length: count }, () => makeKey('old')))
    const young = await makeKey('young')
    keys = olds.map(({ jwk }) => jwk)
    const authenticate = createAuthenticate(settings, logger)
    await authenticate(`Bearer ${await olds[0]!.sign(claims(), { kid: undefined })}`)
    keys = [young.jwk]
    pass(1_100)
    const token = await young.sign(claims(), { kid: undefined })
    expect(await authenticate(`Bearer ${token}`)).toMatchObject({ id: 'alice' })
  })

  test('is taken right after a rotation, and strangers do not have the issuer asked all the time', async () => {
    const [old, young] = [await makeKey('old'), await makeKey('young')]
    keys = [old.jwk]
    const authenticate = createAuthenticate(settings, logger)
    await authenticate(`Bearer ${await old.sign()}`)
    keys = [old.jwk, young.jwk]
    pass(1_100)
    expect(await authenticate(`Bearer ${await young.sign()}`)).toMatchObject({ id: 'alice' })
    const before = asked
    const stranger = await makeKey('nobody')
    const tries = Array.from({ length: 50 }, async () => authenticate(`Bearer ${await stranger.sign()}`))
    expect((await Promise.allSettled(tries)).every(({ status }) => status === 'rejected')).toBe(true)
    expect(asked - before).toBeLessThanOrEqual(1)
  })

  test('goes on being taken while the issuer is away, however long', async () => {
    const key = await makeKey('one')
    keys = [key.jwk]
    const authenticate = createAuthenticate(settings, logger)
    await authenticate(`Bearer ${await key.sign()}`)
    isAway = true
    pass(24 * 3_600_000)
    for (const sub of ['bob', 'carol']) {
      expect(await authenticate(`Bearer ${await key.sign(claims({ sub }))}`)).toMatchObject({ id: sub })
    }
    // one by a key that is new cannot be told from one that is forged
    const young = await makeKey('young')
    const tryIt = async () => authenticate(`Bearer ${await young.sign()}`)
    await expect(tryIt).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    isAway = false
    keys = [young.jwk]
    pass(1_100)
    expect(await tryIt()).toMatchObject({ id: 'alice' })
  })

  test('is refused once its key was withdrawn and the keys are old', async () => {
    const [old, young] = [await makeKey('old'), await makeKey('young')]
    keys = [old.jwk]
    const authenticate = createAuthenticate(settings, logger)
    await authenticate(`Bearer ${await old.sign()}`)
    keys = [young.jwk]
    pass(6 * 60_000)
    // the first has them asked for, and does not wait
    await authenticate(`Bearer ${await old.sign(claims({ sub: 'bob' }))}`)
    await vi.waitFor(() =>
      expect(async () =>
        authenticate(`Bearer ${await old.sign(claims({ sub: `${Math.random()}` }))}`),
      ).rejects.toMatchObject({
        code: 'UNAUTHENTICATED',
      }),
    )
  })

  test('cannot be checked before the issuer was ever reached, and can be after', async () => {
    const key = await makeKey('one')
    keys = [key.jwk]
    isAway = true
    const authenticate = createAuthenticate(settings, logger)
    const tryIt = async () => authenticate(`Bearer ${await key.sign()}`)
    await expect(tryIt).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    isAway = false
    pass(1_100)
    expect(await tryIt()).toMatchObject({ id: 'alice' })
  })
})

/** The token with other claims under its signature. */
function tamper(token: string, payload: object): string {
  const [header, , signature] = token.split('.')
  return [header, Buffer.from(JSON.stringify(payload)).toString('base64url'), signature].join('.')
}
