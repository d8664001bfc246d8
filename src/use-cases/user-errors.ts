import { CallError, type UserError } from '../domain/errors.ts'

/** Returns a use-case's refusal: the code, the message, and the path to the wrong part of the input. */
export function refuse(
  code: UserError['code'],
  message: string,
  ...path: (string | number)[]
): { userErrors: [UserError] } {
  return { userErrors: [{ code, message, field: ['input', ...path.map(String)] }] }
}

/** Returns an error of a part of the input as one of the whole, `path` being where the part is. */
export function atInput({ field, ...error }: UserError, ...path: (string | number)[]): UserError {
  return { ...error, field: ['input', ...path.map(String), ...(field ?? [])] }
}

/** Returns an error with the names that a call gives to fields. */
export function renamed({ field, ...error }: UserError, names: Record<string, string>): UserError {
  return { ...error, field: field?.map((name) => names[name] ?? name) ?? null }
}

/** Returns the refusal for a SKU that no item has. */
export function refuseUnknownSku(sku: string, ...path: (string | number)[]): { userErrors: [UserError] } {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${quote(sku)}`, ...path)
}

/** Returns the refusal for a location that does not exist. */
export function refuseUnknownLocation(
  code: string,
  ...path: (string | number)[]
): { userErrors: [UserError] } {
  return refuse('UNKNOWN_LOCATION', `There is no location ${quote(code)}`, ...path)
}

/** Returns the refusal for a location that does not exist, or that orders do not take from. */
export function refuseClosedLocation(
  code: string,
  ...path: (string | number)[]
): { userErrors: [UserError] } {
  return refuse('UNKNOWN_LOCATION', `There is no location ${quote(code)} that orders take from`, ...path)
}

/** Returns the refusal for an idempotency key under which its caller asked for something else. */
export function refuseReusedKey(): { userErrors: [UserError] } {
  return refuse('IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another call', 'idempotencyKey')
}

/** Names what a caller sent, which may be anything. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}

/**
 * Whether this is a text that people write and read: not blank, no longer than `lengthMax`, without control characters and
 * without half a surrogate pair. A zero byte cannot be stored, nor can half a pair, and a line break would forge a line where
 * the text is listed.
 */
export function isText(text: string, lengthMax: number): boolean {
  return text.trim() !== '' && text.length <= lengthMax && !/\p{Cc}/u.test(text) && text.isWellFormed()
}

/** Checks a text that people write and read. @throws {CallError} BAD_USER_INPUT where it is none */
export function assertText(field: string, text: string, lengthMax: number): void {
  if (isText(text, lengthMax)) return
  throw new CallError(
    'BAD_USER_INPUT',
    `${field} must be 1 to ${lengthMax} characters on one line, and not blank`,
  )
}

/** A shop's own number of something, or a few of them. */
export const REFERENCE_LENGTH_MAX = 200

/** Checks a caller's own number of something; null for none. @throws {CallError} BAD_USER_INPUT as `assertText` */
export function assertReference(reference: string | null): void {
  if (reference !== null) assertText('reference', reference, REFERENCE_LENGTH_MAX)
}
