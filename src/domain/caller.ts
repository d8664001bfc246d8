export const ROLES = ['customer', 'operator', 'service'] as const
export type Role = (typeof ROLES)[number]

export type Caller = {
  /** The subject of its token. Idempotency keys, rate limits, customers' orders and movements' actors use it. */
  id: string
  role: Role
  /** When its token expires; null without a token. */
  expiresAt: Date | null
}

/** The caller of every call without authentication: everyone on this machine is this one operator. */
export const LOCAL_OPERATOR: Caller = { id: 'anonymous', role: 'operator', expiresAt: null }

/**
 * Returns the rate-limit budget of a caller: its own or, without authentication, that of its address.
 */
export function budgetOf(caller: Caller, address: string | undefined): string {
  return caller === LOCAL_OPERATOR && address !== undefined ? address : caller.id
}

/**
 * Returns the caller for the value of an Authorization header; without a promise if the token is known already.
 *
 * @throws {CallError} UNAUTHENTICATED without a valid token, FORBIDDEN for an unknown role, UNAVAILABLE if the token cannot be
 * checked now
 */
export type Authenticate = (authorization: string | undefined) => Caller | Promise<Caller>

const ID_LENGTH_MAX = 255

/** Whether this can be the id of a caller or a customer: one line of text, not blank, because it is stored and listed. */
export function isCallerId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= ID_LENGTH_MAX &&
    value.trim() !== '' &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  )
}
