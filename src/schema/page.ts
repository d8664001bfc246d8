import { CallError } from '../domain/errors.ts'

/** A page that fits a screen and a reply of some 10 kB. */
const PAGE_SIZE_DEFAULT = 20
/** Beyond it a caller is told, and not given less than was asked for. */
const PAGE_SIZE_MAX = 100

/** The page sizes of every connection. */
export const pageSizes = {
  defaultSize: PAGE_SIZE_DEFAULT,
  /** @throws {CallError} BAD_USER_INPUT when a page of another size than 0 to 100 is asked for */
  maxSize: ({ first, last }: { first?: number | null; last?: number | null }): number => {
    for (const [name, size] of Object.entries({ first, last })) {
      if (size != null && (size < 0 || size > PAGE_SIZE_MAX)) {
        throw new CallError('BAD_USER_INPUT', `"${name}" must be 0 to ${PAGE_SIZE_MAX}`)
      }
    }
    return PAGE_SIZE_MAX
  },
}

/**
 * Checks a cursor that a caller sent: anyone can write one that decodes, and the database takes an error from a key of
 * another type.
 *
 * @param cursor the key in it, undefined where none was sent
 * @throws {CallError} BAD_USER_INPUT when nothing has such a key
 */
export function assertCursor(cursor: unknown, isKey: (key: unknown) => boolean): void {
  if (cursor !== undefined && !isKey(cursor)) throw new CallError('BAD_USER_INPUT', 'Invalid cursor')
}
