import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { CallError } from '../domain/errors.ts'
import type { Logger } from '../observability/logger.ts'

/** A key that was withdrawn is trusted for this long at most, while its issuer can be asked. */
const KEYS_MAX_AGE_MS = 5 * 60_000
/** A token that names a key nobody has heard of has the issuer asked at once, but not more often than this. */
const ASK_AGAIN_MS = 1_000
const ASK_TIMEOUT_MS = 5_000

/**
 * The keys at a JWKS URL: asked for at the first token, again when they are old, and when a token names one that is not
 * among them, as the first does after a rotation. While their issuer is away, those that are known go on being good.
 *
 * jose's own `createRemoteJWKSet` refuses every token once its keys are old and the issuer is away.
 *
 * @throws {CallError} UNAVAILABLE, where a key is not known and the issuer does not answer
 */
export function createRemoteKeys(url: string, logger: Logger): JWTVerifyGetKey {
  let keys: ReturnType<typeof createLocalJWKSet> | undefined
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
      if (!response.ok) throw new Error(`It answered ${response.status}`)
      keys = createLocalJWKSet((await response.json()) as JSONWebKeySet)
      loadedAt = performance.now()
      isAway = false
    } catch (error) {
      isAway = true
      logger.warn({ err: error, url }, 'cannot get the keys that tokens are checked by')
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

  return async (header, token) => {
    if (!keys) await refresh()
    else if (performance.now() - loadedAt > KEYS_MAX_AGE_MS) void refresh()
    try {
      if (keys) return await keys(header, token)
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error
      await refresh()
      if (keys && !isAway) return keys(header, token)
    }
    throw new CallError('UNAVAILABLE', 'The token cannot be checked right now. Try again in a moment')
  }
}
