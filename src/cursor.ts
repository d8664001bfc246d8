/**
 * Cursors of lists, opaque to clients. A cursor names its list, so that one of another list is refused: ids of orders and of
 * dead letters look alike, and those of movements are numbers whatever their SKU.
 */
export function encodeCursor(list: string, key: string): string {
  return Buffer.from(`${list}:${key}`).toString('base64url')
}

/** The key in a cursor that `encodeCursor` made for the same list; `undefined` for anything else. */
export function decodeCursor(list: string, cursor: string): string | undefined {
  const text = Buffer.from(cursor, 'base64url').toString()
  const key = text.startsWith(`${list}:`) ? text.slice(list.length + 1) : undefined
  // whatever else decodes to the same bytes is none of ours
  return key !== undefined && encodeCursor(list, key) === cursor ? key : undefined
}
