import { CallError } from '../domain/errors.ts'
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../limits.ts'

type PageArguments = { first?: number | null | undefined; last?: number | null | undefined }

/** The page sizes of every connection. */
export const pageSizes = {
  defaultSize: PAGE_SIZE_DEFAULT,
  /** @throws {CallError} BAD_USER_INPUT when a page of another size than 0 to 100 is asked for */
  maxSize: ({ first, last }: PageArguments): number => {
    for (const [name, size] of Object.entries({ first, last })) {
      if (size != null && (size < 0 || size > PAGE_SIZE_MAX)) {
        throw new CallError('BAD_USER_INPUT', `"${name}" must be 0 to ${PAGE_SIZE_MAX}, not ${size}`)
      }
    }
    return PAGE_SIZE_MAX
  },
}

/**
 * What a connection costs: itself, and each entry that is asked for.
 *
 * @throws {CallError} as `pageSizes.maxSize`, and before anything of the operation is run
 */
export function pageCost(args: PageArguments): { field: number; multiplier: number } {
  pageSizes.maxSize(args)
  const sizes = [args.first, args.last].filter((size) => size != null)
  return { field: 1, multiplier: sizes.length > 0 ? Math.max(...sizes) : PAGE_SIZE_DEFAULT }
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

/** What Prisma makes of a connection's arguments: where to start, how many, and backwards for fewer than none. */
type CursorQuery = {
  cursor?: { id?: string | undefined } | undefined
  skip?: number | undefined
  take?: number | undefined
}

/**
 * The same page, of a list whose newest comes first, by comparing keys. Prisma's cursor skips the row after a row that has
 * left the list's filter meanwhile.
 *
 * @returns the query without its cursor, and the condition that takes its place
 */
export function byKey<Query extends CursorQuery>(
  query: Query,
): { query: Omit<Query, 'cursor' | 'skip'>; id: { lt: string } | { gt: string } | undefined } {
  const { cursor, skip: _skip, ...rest } = query
  const key = cursor?.id
  if (key === undefined) return { query: rest, id: undefined }
  return { query: rest, id: (query.take ?? 0) < 0 ? { gt: key } : { lt: key } }
}
