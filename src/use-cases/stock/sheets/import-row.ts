import type { UserErrorCode } from '../../../domain/errors.ts'
import {
  AVAILABLE_MAX,
  DELTA_MAX,
  isLastKnownMovement,
  REASON_LENGTH_MAX,
} from '../../../domain/stock/stock.ts'
import { isText, REFERENCE_LENGTH_MAX } from '../../user-errors.ts'

/** Columns that an import reads. */
const READ = [
  'sku',
  'location',
  'delta',
  'counted',
  'as_of',
  'expected_available',
  'reason',
  'reference',
] as const
type ReadColumn = (typeof READ)[number]

/** Columns of a count sheet for people: an import ignores them. */
const PASSED_OVER = ['name', 'on_hand', 'reserved']

/** Names that may mean a total or a difference. */
const AMBIGUOUS = ['quantity', 'qty', 'stock', 'available']

/** Columns that need `counted`, or `delta`. */
const GOES_WITH = { as_of: 'counted', expected_available: 'delta' } as const

/** Where each column is in a row. */
export type ImportColumns = {
  /** Meaning of the rows: a quantity to add, or a count. */
  kind: 'delta' | 'counted'
  /** By name; a missing column has none. */
  index: Partial<Record<ReadColumn, number>>
  /** Cells of a row. */
  count: number
}

/** A row as a change of stock. */
export type ImportRow = {
  sku: string
  /** Null for the default one. */
  location: string | null
  reason: string | null
  reference: string | null
} & (
  | { type: 'ADJUSTMENT'; delta: number; expectedAvailable: bigint | null }
  | { type: 'COUNT'; counted: bigint; asOf: bigint | null }
)

/** Why a row was refused: the code of a call with this change, or INVALID_ROW for a row that no call can express. */
export type RowRefusal = { code: UserErrorCode | 'INVALID_ROW'; message: string }

/**
 * Reads the first row of a file, which names its columns.
 *
 * @returns a sentence about what is wrong, if something is
 */
export function readColumns(cells: readonly string[]): ImportColumns | string {
  const names = cells.map((cell) => cell.trim().toLowerCase())
  if (names.length === 1 && /[;\t|]/.test(names[0]!)) return 'Columns must be separated by commas'
  const wrong = names.find((name) => ![...READ, ...PASSED_OVER].includes(name))
  if (wrong !== undefined) return `There is no column ${quote(wrong)}: ${adviceFor(wrong)}`
  const double = names.find((name, index) => names.indexOf(name) !== index)
  if (double !== undefined) return `The column ${double} is there twice`
  if (!names.includes('sku')) return 'There must be a column sku'
  const kinds = (['delta', 'counted'] as const).filter((name) => names.includes(name))
  const [kind] = kinds
  if (kind === undefined || kinds.length > 1) {
    return `There must be a column delta, for what is added or taken, or a column counted, for what was counted${kind ? ': not both' : ''}`
  }
  for (const [name, partner] of Object.entries(GOES_WITH)) {
    if (names.includes(name) && kind !== partner) return `The column ${name} goes with ${partner} only`
  }
  const indexes = READ.filter((name) => names.includes(name)).map((name) => [name, names.indexOf(name)])
  return { kind, index: Object.fromEntries(indexes), count: names.length }
}

function adviceFor(name: string): string {
  if (AMBIGUOUS.includes(name)) {
    return 'write what is added or taken into a column delta, or what was counted on the shelf into a column counted'
  }
  return `columns that are read are ${READ.join(', ')}`
}

/**
 * Reads a row. Its SKU and location may still be unknown.
 *
 * @param cells without the spaces around them; those that are missing at the end are empty
 * @returns null for a row of a count sheet without a count
 */
export function readRow(columns: ImportColumns, cells: readonly string[]): ImportRow | RowRefusal | null {
  if (cells.length > columns.count) {
    return invalidRow(`The row has ${cells.length} cells, and the first row has ${columns.count}`)
  }
  const cellOf = (name: ReadColumn) => {
    const index = columns.index[name]
    // spreadsheets leave out the commas before empty cells at the end
    return index === undefined ? '' : (cells[index] ?? '')
  }
  if (columns.kind === 'counted' && cellOf('counted') === '') return null
  const sku = cellOf('sku')
  const [location, reason, reference] = [cellOf('location'), cellOf('reason'), cellOf('reference')]
  if (sku === '') return invalidRow('The row has no SKU')
  if (reason !== '' && !isText(reason, REASON_LENGTH_MAX)) return notText('reason', REASON_LENGTH_MAX)
  if (reference !== '' && !isText(reference, REFERENCE_LENGTH_MAX)) {
    return notText('reference', REFERENCE_LENGTH_MAX)
  }
  const named = { sku, location: location || null, reason: reason || null, reference: reference || null }
  return columns.kind === 'delta'
    ? readDelta(named, cellOf('delta'), cellOf('expected_available'))
    : readCount(named, cellOf('counted'), cellOf('as_of'))
}

/** Whether a row was refused on reading. */
export function isRefusal(row: ImportRow | RowRefusal): row is RowRefusal {
  return 'code' in row
}

type Named = Pick<ImportRow, 'sku' | 'location' | 'reason' | 'reference'>

function readDelta(named: Named, delta: string, expected: string): ImportRow | RowRefusal {
  const qty = /^[+-]?\d{1,10}$/.test(delta) ? Number(delta) : Number.NaN
  if (!(Math.abs(qty) <= DELTA_MAX)) {
    return invalidQty(`delta must be a whole number to ${DELTA_MAX}, such as 12 or -3`, delta)
  }
  const expectedAvailable = expected === '' ? null : readQuantity(expected)
  if (expectedAvailable === undefined) {
    return invalidQty(`expected_available ${QUANTITY_EXPECTED}`, expected)
  }
  return { ...named, type: 'ADJUSTMENT', delta: qty, expectedAvailable }
}

function readCount(named: Named, counted: string, asOf: string): ImportRow | RowRefusal {
  const qty = readQuantity(counted)
  if (qty === undefined) return invalidQty(`counted ${QUANTITY_EXPECTED}`, counted)
  if (asOf !== '' && !isLastKnownMovement(asOf)) {
    const message = `as_of must be the id of a movement, as the count sheet has it, not ${quote(asOf)}`
    // the code of a call with such an `asOf`
    return { code: 'STALE_EXPECTATION', message }
  }
  return { ...named, type: 'COUNT', counted: qty, asOf: asOf === '' ? null : BigInt(asOf) }
}

const QUANTITY_EXPECTED = `must be a whole number from 0 to ${AVAILABLE_MAX}`

function readQuantity(cell: string): bigint | undefined {
  const qty = /^\d{1,16}$/.test(cell) ? BigInt(cell) : undefined
  return qty !== undefined && qty <= AVAILABLE_MAX ? qty : undefined
}

function invalidQty(expected: string, cell: string): RowRefusal {
  return { code: 'INVALID_QTY', message: cell === '' ? expected : `${expected}, not ${quote(cell)}` }
}

function invalidRow(message: string): RowRefusal {
  return { code: 'INVALID_ROW', message }
}

function notText(name: string, lengthMax: number): RowRefusal {
  return invalidRow(`${name} must be 1 to ${lengthMax} characters on one line`)
}

/** Quotes a cell, which may hold anything, shortened and on one line. */
function quote(cell: string): string {
  return JSON.stringify(cell.slice(0, 64))
}
