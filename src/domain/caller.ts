/** What a caller may be. */
export const ROLES = ['customer', 'operator', 'service'] as const
export type Role = (typeof ROLES)[number]

/** Who calls. */
export type Caller = {
  /** The subject of its token. Idempotency keys, rate limits and movements' actors go by it. */
  id: string
  role: Role
  /** When its token ceases to be valid; null where there is none. */
  expiresAt: Date | null
}

/** Who calls as long as there is no authentication: everyone on this machine is this one operator. */
export const LOCAL_OPERATOR: Caller = { id: 'anonymous', role: 'operator', expiresAt: null }
