/** Mistakes of a caller, as `userErrors` and REST problems name them. */
export type UserErrorCode =
  | 'INVALID_QTY'
  | 'INVALID_SKU'
  | 'SKU_TAKEN'
  | 'UNKNOWN_SKU'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INSUFFICIENT_STOCK'
  | 'STALE_EXPECTATION'

/** Why a well-formed request was refused. `field` is the path to the wrong field of the input. */
export type UserError = { code: UserErrorCode; message: string; field: string[] | null }

/** Errors that a caller sees by their code, on every transport. Any other error is a bug: masked, and logged whole. */
export type CallErrorCode =
  | 'BAD_USER_INPUT'
  | 'NOT_FOUND'
  | 'UNAUTHENTICATED'
  | 'FORBIDDEN'
  | 'RATE_LIMITED'
  | 'UNAVAILABLE'

/** A failed call, for a reason that the caller may know. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: CallErrorCode

  constructor(code: CallErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A caller exceeded its rate limit. The call consumed no idempotency key, so the caller can repeat it. */
export class RateLimitedError extends CallError {
  /** Orders a second. */
  readonly limit: number
  /** Whole seconds until the caller may order again. */
  readonly retryAfterS: number

  /** @param orders the orders of the call, none of which was placed */
  constructor(limit: number, retryAfterS: number, orders: number) {
    const advice = orders > limit ? `Send fewer in one call than ${orders}` : `Try again in ${retryAfterS} s`
    super('RATE_LIMITED', `You may place ${limit} orders a second. ${advice}`)
    this.limit = limit
    this.retryAfterS = retryAfterS
  }
}
