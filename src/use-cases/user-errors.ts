import type { UserError } from '../domain/errors.ts'

/** What a use-case answers to a request that it refuses: why, with the path to the part of the input that is to blame. */
export function refuse(
  code: UserError['code'],
  message: string,
  ...path: (string | number)[]
): { userErrors: [UserError] } {
  return { userErrors: [{ code, message, field: ['input', ...path.map(String)] }] }
}

/** The same for a SKU that no item has. */
export function refuseUnknownSku(sku: string, ...path: (string | number)[]): { userErrors: [UserError] } {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${quote(sku)}`, ...path)
}

/** The same for a location that does not exist. */
export function refuseUnknownLocation(
  code: string,
  ...path: (string | number)[]
): { userErrors: [UserError] } {
  return refuse('UNKNOWN_LOCATION', `There is no location ${quote(code)} that orders take from`, ...path)
}

/** The same for an idempotency key under which its caller asked for something else. */
export function refuseReusedKey(): { userErrors: [UserError] } {
  return refuse('IDEMPOTENCY_KEY_REUSED', 'This idempotency key was used for another call', 'idempotencyKey')
}

/** Names what a caller sent, which may be anything. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64))
}
