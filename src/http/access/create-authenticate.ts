import { createSecretKey } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import { errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { Logger } from 'pino'
import { tokenExpired } from '../../domain/authorisation.ts'
import { type Authenticate, type Caller, isCallerId, ROLES, type Role } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import { TOKEN_LENGTH_MAX_CHARS, TOKENS_KNOWN_MAX } from '../../limits.ts'
import { createRemoteVerifier, type VerifyToken } from './remote-keys.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Set before any route of an API runs. */
    caller: Caller
  }
}

/** How tokens are checked: by a secret that their issuer shares, or by the public keys that it publishes. */
export type AuthSettings = ({ secret: string } | { jwksUrl: string }) & {
  /** What `iss` has to be, where it is set. */
  issuer: string | undefined
  /** What has to be in `aud`, where it is set. */
  audience: string | undefined
}

/** A public key is no secret: with one of these it verifies a signature, and never as the key of an HMAC. */
const ASYMMETRIC = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
]

/**
 * By how much the issuer's clock may be ahead: a token that begins to be valid as it is made would be refused. Its end
 * is taken as it is.
 */
const CLOCK_TOLERANCE_S = 5
/** A token is looked at anew once in this time: its key may have been withdrawn. */
const KNOWN_FOR_MS = 60_000

const BEARER_HEADER = /^Bearer ([\w.~+/-]+=*)$/i

/**
 * Makes what tells who calls, by the JSON Web Token that the call carries. A token that was verified is known for a
 * minute, to its expiry at most: looking it up takes 1 µs, verifying it 130.
 */
export function createAuthenticate(settings: AuthSettings, logger: Logger): Authenticate {
  const { issuer, audience } = settings
  const { verifyToken, algorithms } = verifierOf(settings, logger)
  const options: JWTVerifyOptions = {
    algorithms,
    clockTolerance: CLOCK_TOLERANCE_S,
    requiredClaims: ['exp', 'sub'],
    ...(issuer !== undefined && { issuer }),
    ...(audience !== undefined && { audience }),
  }
  const known = new KnownTokens()

  async function verify(token: string): Promise<Caller> {
    const { payload } = await verifyToken(token, options).catch((error) => {
      throw refusalFor(error, logger)
    })
    const caller = toCaller(payload)
    known.add(token, caller)
    return caller
  }

  return (authorization = '') => {
    const token = authorization.length <= TOKEN_LENGTH_MAX_CHARS && BEARER_HEADER.exec(authorization)?.[1]
    if (!token)
      throw new CallError('UNAUTHENTICATED', 'This call needs the header "Authorization: Bearer <token>"')
    return known.find(token) ?? verify(token)
  }
}

function verifierOf(
  settings: AuthSettings,
  logger: Logger,
): { verifyToken: VerifyToken; algorithms: string[] } {
  if ('jwksUrl' in settings) {
    return { verifyToken: createRemoteVerifier(settings.jwksUrl, logger), algorithms: ASYMMETRIC }
  }
  const key = createSecretKey(settings.secret, 'utf8')
  return { verifyToken: (token, options) => jwtVerify(token, key, options), algorithms: ['HS256'] }
}

function toCaller({ sub, exp, role }: JWTPayload): Caller {
  if (!isCallerId(sub)) throw invalid('"sub" must be 1 to 255 characters on one line')
  const expiresAt = new Date(exp! * 1000)
  // jose adds its tolerance here as well
  if (!(expiresAt.getTime() > Date.now())) throw tokenExpired()
  if (!ROLES.includes(role as Role)) {
    throw new CallError('FORBIDDEN', `The token's "role" must be ${ROLES.join(', ')}`)
  }
  return { id: sub, role: role as Role, expiresAt }
}

/** What a caller is told of its token. What a claim should be is said only of one whose signature is good. */
function refusalFor(error: unknown, logger: Logger): CallError {
  if (error instanceof CallError) return error
  if (error instanceof errors.JWTExpired) return tokenExpired()
  if (error instanceof errors.JWTClaimValidationFailed) return invalid(error.message)
  // a key of the set that is no good, for one
  if (!(error instanceof errors.JOSEError)) logger.warn({ err: error }, 'token check failed')
  return new CallError('UNAUTHENTICATED', 'The token is not valid')
}

function invalid(why: string): CallError {
  return new CallError('UNAUTHENTICATED', `The token is not valid: ${why}`)
}

/** What a 401 carries: how to authenticate, by RFC 9110 and 6750. */
export function challenge(reply: FastifyReply): void {
  reply.header('www-authenticate', 'Bearer')
}

/** Tokens that were verified, those used last. Only an issuer can fill it: whatever else is sent is never in it. */
class KnownTokens {
  readonly #callers = new Map<string, { caller: Caller; until: number }>()

  find(token: string): Caller | undefined {
    const found = this.#callers.get(token)
    if (!found) return undefined
    this.#callers.delete(token)
    if (found.until <= Date.now()) return undefined
    // the last again
    this.#callers.set(token, found)
    return found.caller
  }

  add(token: string, caller: Caller): void {
    const until = Math.min(Date.now() + KNOWN_FOR_MS, caller.expiresAt?.getTime() ?? Number.POSITIVE_INFINITY)
    this.#callers.set(token, { caller, until })
    if (this.#callers.size <= TOKENS_KNOWN_MAX) return
    const [oldest] = this.#callers.keys()
    this.#callers.delete(oldest!)
  }
}
