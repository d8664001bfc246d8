import { decodeCursor, encodeCursor } from '../cursor.ts'
import { CallError } from '../domain/errors.ts'
import { PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../limits.ts'

type PageArguments = {
  first?: number | null | undefined
  after?: string | null | undefined
  last?: number | null | undefined
  before?: string | null | undefined
}

/** A list that is read in pages, by a key that sorts it. */
export type List<Row> = {
  /** What its cursors say that they belong to. */
  name: string
  keyOf: (row: Row) => string
  /** Whether a row may have this key: the database takes an error from a key of another type. */
  isKey: (key: string) => boolean
}

export type Page = {
  /** The key that the page begins behind, in its direction; undefined to begin at the end of the list. */
  key: string | undefined
  isBackwards: boolean
  /** One more than the page holds: it tells whether another page follows. */
  sizeMax: number
}

type Connection<Row> = {
  edges: { cursor: string; node: Row }[]
  pageInfo: {
    hasNextPage: boolean
    hasPreviousPage: boolean
    startCursor: string | null
    endCursor: string | null
  }
}

/**
 * What a connection costs: itself, and each entry that is asked for.
 *
 * @throws {CallError} BAD_USER_INPUT for arguments that ask for no page, before anything of the operation is run
 */
export function pageCost(args: PageArguments): { field: number; multiplier: number } {
  return { field: 1, multiplier: pageSizeOf(args) }
}

/**
 * Reads a page of a list as a connection.
 *
 * @param read gives the rows in the order of the list, whatever the direction
 * @throws {CallError} BAD_USER_INPUT for arguments that ask for no page, and for a cursor of another list
 */
export async function readPage<Row>(
  { name, keyOf, isKey }: List<Row>,
  args: PageArguments,
  read: (page: Page) => Promise<readonly Row[]>,
): Promise<Connection<Row>> {
  const size = pageSizeOf(args)
  const isBackwards = args.last != null || args.before != null
  const cursor = args.after ?? args.before ?? undefined
  const key = cursor === undefined ? undefined : decodeCursor(name, cursor)
  if (cursor !== undefined && (key === undefined || !isKey(key))) {
    const argument = args.after == null ? 'before' : 'after'
    throw new CallError('BAD_USER_INPUT', `"${argument}" is not a cursor of this list`)
  }
  const rows = await read({ key, isBackwards, sizeMax: size + 1 })
  const hasMore = rows.length > size
  // the row too many is the farthest from where the page begins
  const kept = isBackwards ? rows.slice(hasMore ? 1 : 0) : rows.slice(0, size)
  const edges = kept.map((node) => ({ cursor: encodeCursor(name, keyOf(node)), node }))
  return {
    edges,
    pageInfo: {
      hasNextPage: isBackwards ? key !== undefined : hasMore,
      hasPreviousPage: isBackwards ? hasMore : key !== undefined,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  }
}

/**
 * A page as arguments of Prisma, for a list that is sorted by a column. Prisma's own cursor skips the row after a row that
 * has left the list's filter meanwhile.
 */
export function byColumn(
  { key, isBackwards, sizeMax }: Page,
  direction: 'asc' | 'desc',
): { take: number; beyond: { lt: string } | { gt: string } | undefined } {
  const take = isBackwards ? -sizeMax : sizeMax
  if (key === undefined) return { take, beyond: undefined }
  return { take, beyond: (direction === 'asc') === isBackwards ? { lt: key } : { gt: key } }
}

function pageSizeOf({ first, after, last, before }: PageArguments): number {
  for (const [name, size] of Object.entries({ first, last })) {
    if (size != null && (size < 0 || size > PAGE_SIZE_MAX)) {
      throw new CallError('BAD_USER_INPUT', `"${name}" must be 0 to ${PAGE_SIZE_MAX}, not ${size}`)
    }
  }
  const isForwards = first != null || after != null
  const isBackwards = last != null || before != null
  if (isForwards && isBackwards) {
    const given = Object.entries({ first, after, last, before }).filter(([, value]) => value != null)
    const names = given.map(([name]) => `"${name}"`).join(' and ')
    throw new CallError(
      'BAD_USER_INPUT',
      `${names} cannot be combined: use "first" with "after", or "last" with "before"`,
    )
  }
  return first ?? last ?? PAGE_SIZE_DEFAULT
}
