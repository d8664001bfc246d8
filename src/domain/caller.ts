export const ROLES = ['customer', 'operator', 'service'] as const
export type Role = (typeof ROLES)[number]

export type Caller = {
  /** The subject of its token. Idempotency keys, rate limits, customers' orders and movements' actors go by it. */
  id: string
  role: Role
  /** When its token ceases to be valid; null where there is none. */
  expiresAt: Date | null
}

/** Who calls as long as there is no authentication: everyone on this machine is this one operator. */
export const LOCAL_OPERATOR: Caller = { id: 'anonymous', role: 'operator', expiresAt: null }

/**
 * What a caller's orders count against: its own budget or, where there is no authentication and so nobody in particular,
 * its address's.
 */
export function budgetOf(caller: Caller, address: string | undefined): string {
  return caller === LOCAL_OPERATOR && address !== undefined ? address : caller.id
}

/**
 * Tells who calls, from what a call says of itself: the value of its Authorization header. At once where it is known
 * already.
 *
 * @throws {CallError} UNAUTHENTICATED without a valid token, FORBIDDEN for a role that there is not, UNAVAILABLE where
 * the token cannot be checked at this moment
 */
export type Authenticate = (authorization: string | undefined) => Caller | Promise<Caller>

const ID_LENGTH_MAX = 255

/** Whether this can be the id of a caller or a customer: it is stored and listed, so one line of text that is not blank. */
export function isCallerId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= ID_LENGTH_MAX &&
    value.trim() !== '' &&
    value.isWellFormed() &&
    !/\p{Cc}/u.test(value)
  )
}
