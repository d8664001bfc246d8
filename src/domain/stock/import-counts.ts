/** Rows of a file by their result. `rowsRead` is the sum of the others. */
export type ImportCounts = {
  rowsRead: number
  changed: number
  /** The count found no difference. */
  unchanged: number
  /** Their `counted` is empty. */
  skipped: number
  refused: number
}

/** A row that an import refused. `sku`: as in the file. */
export type ImportRefusal = { line: number; sku: string; code: string; message: string }

/** A row that changes stock. `before` and `after`: what is available for a delta, on hand for a count. */
export type ImportChange = { line: number; sku: string; location: string; before: bigint; after: bigint }

/** The counts before any row is read. */
export const NO_ROWS: ImportCounts = { rowsRead: 0, changed: 0, unchanged: 0, skipped: 0, refused: 0 }

/** Adds up counts, without any other members of the two. */
export function addCounts(one: ImportCounts, other: ImportCounts): ImportCounts {
  return {
    rowsRead: one.rowsRead + other.rowsRead,
    changed: one.changed + other.changed,
    unchanged: one.unchanged + other.unchanged,
    skipped: one.skipped + other.skipped,
    refused: one.refused + other.refused,
  }
}
