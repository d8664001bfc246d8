import { CallError } from '../domain/errors.ts'

/** Keys are UUIDs or the like: any of them fits, and none bloats the index. */
const KEY_LENGTH_MAX = 255
const PRINTABLE = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Checks an idempotency key; null for none. @throws {CallError} BAD_USER_INPUT for one that cannot be stored and found again */
export function assertKey(key: string | null): void {
  if (key === null || (key.length <= KEY_LENGTH_MAX && PRINTABLE.test(key))) return
  throw new CallError(
    'BAD_USER_INPUT',
    `An idempotency key is 1 to ${KEY_LENGTH_MAX} printable ASCII characters, with no space at its ends`,
  )
}
