import { CallError } from '../domain/errors.ts'

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

/** A shop's own number of something, or a few of them. */
const REFERENCE_LENGTH_MAX = 200

/** Checks a caller's own number of something; null for none. @throws {CallError} BAD_USER_INPUT as `assertText` */
export function assertReference(reference: string | null): void {
  if (reference !== null) assertText('reference', reference, REFERENCE_LENGTH_MAX)
}
