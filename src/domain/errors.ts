/** Mistakes of a caller, as `userErrors` and REST problems name them. */
export type UserErrorCode =
  | 'DUPLICATE_SKU'
  | 'HOLD_EXPIRED'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INSUFFICIENT_STOCK'
  | 'INVALID_HOLD'
  | 'INVALID_LINES'
  | 'INVALID_QTY'
  | 'INVALID_SKU'
  | 'INVALID_URL'
  | 'LOCATION_IN_USE'
  | 'QTY_EXCEEDED'
  | 'SKU_TAKEN'
  | 'STALE_EXPECTATION'
  | 'UNKNOWN_LOCATION'
  | 'UNKNOWN_ORDER'
  | 'UNKNOWN_SHIPMENT'
  | 'UNKNOWN_SKU'
  | 'UNKNOWN_WEBHOOK'
  | 'WRONG_STATE'

/** Why a well-formed request was refused. */
export type UserError = {
  code: UserErrorCode
  message: string
  /** The path to the wrong argument, as `['input', 'lines', '0', 'qty']`; null for none. */
  field: string[] | null
  /** Of QTY_EXCEEDED and INSUFFICIENT_STOCK: the largest quantity that would have been accepted; of a count the smallest. */
  limit?: bigint
}

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
