/** How many rows of a file an import has read, and what became of them: the first is the sum of the others. */
export type ImportCounts = {
  rowsRead: number
  changed: number
  /** What was counted is what was there. */
  unchanged: number
  /** Nobody counted them. */
  skipped: number
  refused: number
}

/** A row that an import refused. `sku`: as the file has it. */
export type ImportRefusal = { line: number; sku: string; code: string; message: string }

/** Of a file of which nothing was read. */
export const NO_ROWS: ImportCounts = { rowsRead: 0, changed: 0, unchanged: 0, skipped: 0, refused: 0 }

/** Adds up counts, and leaves out whatever else comes with them. */
export function addCounts(one: ImportCounts, other: ImportCounts): ImportCounts {
  return {
    rowsRead: one.rowsRead + other.rowsRead,
    changed: one.changed + other.changed,
    unchanged: one.unchanged + other.unchanged,
    skipped: one.skipped + other.skipped,
    refused: one.refused + other.refused,
  }
}
