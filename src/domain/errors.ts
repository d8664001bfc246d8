/** What a caller may get wrong, as `userErrors` and REST problems name it. */
export type UserErrorCode =
  | 'DUPLICATE_SKU'
  | 'IDEMPOTENCY_KEY_REUSED'
  | 'INSUFFICIENT_STOCK'
  | 'INVALID_LINES'
  | 'INVALID_QTY'
  | 'INVALID_SKU'
  | 'LOCATION_IN_USE'
  | 'QTY_EXCEEDED'
  | 'SKU_TAKEN'
  | 'STALE_EXPECTATION'
  | 'UNKNOWN_LOCATION'
  | 'UNKNOWN_ORDER'
  | 'UNKNOWN_SHIPMENT'
  | 'UNKNOWN_SKU'
  | 'WRONG_STATE'

/** A request that was understood and refused. */
export type UserError = {
  code: UserErrorCode
  message: string
  /** The path to the culprit in the arguments, as `['input', 'lines', '0', 'qty']`; null for none. */
  field: string[] | null
  /** Of QTY_EXCEEDED and INSUFFICIENT_STOCK: the most that would have gone. */
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

/** A call that cannot be answered, for a reason that the caller may know. */
export class CallError extends Error {
  override readonly name = 'CallError'
  readonly code: CallErrorCode

  constructor(code: CallErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** A caller has used up what it may order for now. It used up no idempotency key: the same call may come again. */
export class RateLimitedError extends CallError {
  /** Orders a second. */
  readonly limit: number
  /** Whole seconds after which there is room again. */
  readonly retryAfterS: number

  /** @param orders how many the call had: none of them was placed */
  constructor(limit: number, retryAfterS: number, orders: number) {
    const advice = orders > limit ? `Send fewer in one call than ${orders}` : `Try again in ${retryAfterS} s`
    super('RATE_LIMITED', `You may place ${limit} orders a second. ${advice}`)
    this.limit = limit
    this.retryAfterS = retryAfterS
  }
}
