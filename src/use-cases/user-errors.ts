import { CallError, type UserError } from '../domain/errors.ts'

/** Returns a use-case's refusal: the code, the message, and the wrong field of the input. */
export function refuse(code: UserError['code'], message: string, field: string): { userErrors: [UserError] } {
  return { userErrors: [{ code, message, field: ['input', field] }] }
}

/** Returns the refusal for a SKU that no item has. */
export function refuseUnknownSku(sku: string): { userErrors: [UserError] } {
  return refuse('UNKNOWN_SKU', `There is no item with the SKU ${JSON.stringify(sku.slice(0, 64))}`, 'sku')
}

/**
 * Checks a text that people write and read.
 *
 * @throws {CallError} BAD_USER_INPUT when it is blank, longer than `lengthMax`, or holds control characters: a zero
 * byte cannot be stored, and a line break would forge a line where the text is listed
 */
export function assertText(field: string, text: string, lengthMax: number): void {
  if (text.trim() === '' || text.length > lengthMax || /\p{Cc}/u.test(text)) {
    throw new CallError(
      'BAD_USER_INPUT',
      `${field} must be 1 to ${lengthMax} characters on one line, and not blank`,
    )
  }
}
