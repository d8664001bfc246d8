import {
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import type { Logger } from 'pino'
import { CallError } from '../../domain/errors.ts'

/** A key that was withdrawn is trusted for this long at most, while its issuer can be asked. */
const KEYS_MAX_AGE_MS = 5 * 60_000
/** A token that names a key nobody has heard of has the issuer asked at once, but not more often than this. */
const ASK_AGAIN_MS = 1_000
const ASK_TIMEOUT_MS = 5_000

/** Checks a token. @throws where it is not valid */
export type VerifyToken = (token: string, options: JWTVerifyOptions) => Promise<JWTVerifyResult>

type Keys = ReturnType<typeof createLocalJWKSet>

/**
 * Checks tokens by the keys at a JWKS URL: asked for at the first token, again when they are old, and when a token names one
 * that is not among them, as the first does after a rotation. A token that names none is tried by each key that fits it, and
 * where none is its own, the keys are asked for as well. While their issuer is away, those that are known go on being good.
 *
 * jose's own `createRemoteJWKSet` refuses every token once its keys are old and the issuer is away.
 *
 * @throws {CallError} UNAVAILABLE, where a key is not known and the issuer does not answer
 */
export function createRemoteVerifier(url: string, logger: Logger): VerifyToken {
  let keys: Keys | undefined
  let loadedAt = Number.NEGATIVE_INFINITY
  let askedAt = Number.NEGATIVE_INFINITY
  let loading: Promise<void> | undefined
  let isAway = false

  async function load(): Promise<void> {
    askedAt = performance.now()
    try {
      const response = await fetch(url, {
        headers: { accept: 'application/jwk-set+json, application/json' },
        redirect: 'error',
        signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
      })
      if (!response.ok) throw new Error(`The issuer answered ${response.status}`)
      keys = createLocalJWKSet((await response.json()) as JSONWebKeySet)
      loadedAt = performance.now()
      isAway = false
    } catch (error) {
      isAway = true
      logger.warn({ err: error, url }, 'token keys not fetched')
    }
  }

  /** Asks, unless it has just done so. */
  function refresh(): Promise<void> {
    if (!loading && performance.now() - askedAt >= ASK_AGAIN_MS) {
      loading = load().finally(() => {
        loading = undefined
      })
    }
    return loading ?? Promise.resolve()
  }

  return async (token, options) => {
    if (!keys) await refresh()
    else if (performance.now() - loadedAt > KEYS_MAX_AGE_MS) void refresh()
    try {
      if (keys) return await verifyByEach(token, keys, options)
    } catch (error) {
      if (!mayBeOfAnotherKey(error, token)) throw error
      await refresh()
      if (keys && !isAway) return verifyByEach(token, keys, options)
    }
    throw new CallError('UNAVAILABLE', 'The token cannot be checked right now. Try again in a moment')
  }
}

/** Whether a key that is not known yet could make the token a good one. */
function mayBeOfAnotherKey(error: unknown, token: string): boolean {
  if (error instanceof errors.JWKSNoMatchingKey) return true
  return (
    error instanceof errors.JWSSignatureVerificationFailed && decodeProtectedHeader(token).kid === undefined
  )
}

/** Checks a token by the key that it names or, where several fit, by each of them until one is its own. */
async function verifyByEach(token: string, keys: Keys, options: JWTVerifyOptions): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys, options)
  } catch (several) {
    if (!(several instanceof errors.JWKSMultipleMatchingKeys)) throw several
    for await (const key of several) {
      try {
        return await jwtVerify(token, key, options)
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error
      }
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}
