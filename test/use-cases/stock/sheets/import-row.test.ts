import { describe, expect, test } from 'vitest'
import {
  type ImportColumns,
  isRefusal,
  readColumns,
  readRow,
} from '../../../../src/use-cases/stock/sheets/import-row.ts'
import fc from '../../../support/properties.ts'

/** The columns of a first row that is right. */
function columnsOf(first: string): ImportColumns {
  const columns = readColumns(first.split(','))
  if (typeof columns === 'string') throw new Error(columns)
  return columns
}

describe('the first row', () => {
  test('may be in any order, in capitals and with the columns of a count sheet', () => {
    expect(columnsOf('Counted,SKU,location,name,on_hand,reserved,as_of')).toEqual({
      kind: 'counted',
      index: { counted: 0, sku: 1, location: 2, as_of: 6 },
      count: 7,
    })
    expect(columnsOf('sku,delta').kind).toBe('delta')
  })

  test.each([
    ['sku,quantity', 'There is no column "quantity": write what is added or taken into a column delta, or'],
    ['sku,stock', 'There is no column "stock": write what is added or taken into a column delta, or'],
    ['sku,available', 'There is no column "available": write what is added or taken into a column delta, or'],
    ['sku,delta,colour', 'There is no column "colour": columns that are read are sku, location,'],
    ['sku,delta,', 'There is no column ""'],
    ['sku,delta,sku', 'The column sku is there twice'],
    ['delta', 'There must be a column sku'],
    ['sku', 'There must be a column delta, for what is added or taken, or a column counted'],
    ['sku,delta,counted', 'for what was counted: not both'],
    ['sku,delta,as_of', 'The column as_of goes with counted only'],
    ['sku,counted,expected_available', 'The column expected_available goes with delta only'],
    ['sku;delta', 'Columns must be separated by commas'],
    ['sku\tdelta', 'Columns must be separated by commas'],
  ])('%s is refused with a sentence', (first, sentence) => {
    expect(readColumns(first.split(','))).toContain(sentence)
  })
})

describe('a row', () => {
  const deltas = columnsOf('sku,location,delta,expected_available,reason,reference')
  const counts = columnsOf('sku,counted,as_of')

  test('says what is added, with what is known of it', () => {
    expect(readRow(deltas, ['A', '', '+5', '', '', ''])).toEqual({
      sku: 'A',
      location: null,
      type: 'ADJUSTMENT',
      delta: 5,
      expectedAvailable: null,
      reason: null,
      reference: null,
    })
    expect(readRow(deltas, ['A', 'EAST', '-3', '9007199254740991', 'broken', 'PO 7'])).toEqual({
      sku: 'A',
      location: 'EAST',
      type: 'ADJUSTMENT',
      delta: -3,
      expectedAvailable: 9_007_199_254_740_991n,
      reason: 'broken',
      reference: 'PO 7',
    })
  })

  test('says what was counted, or that nobody counted', () => {
    expect(readRow(counts, ['A', '0', '4711'])).toMatchObject({ type: 'COUNT', counted: 0n, asOf: 4711n })
    expect(readRow(counts, ['A', '7', ''])).toMatchObject({ counted: 7n, asOf: null })
    expect(readRow(counts, ['A', '7', '0'])).toMatchObject({ counted: 7n, asOf: 0n })
    expect(readRow(counts, ['A', '', '4711'])).toBeNull()
  })

  test.each([
    '',
    'x',
    '1.0',
    '1,000',
    '1e3',
    '0x10',
    '5 ',
    '--5',
    '２',
    'NaN',
    'Infinity',
    '2147483648',
    '-9999999999',
    '1'.repeat(400),
  ])('is refused whose delta is %j', (delta) => {
    expect(readRow(deltas, ['A', '', delta, '', '', ''])).toMatchObject({ code: 'INVALID_QTY' })
  })

  test.each(['-1', '+1', '1.0', 'x', '9007199254740992', '1'.repeat(400)])(
    'is refused that counted, or expected, %j',
    (qty) => {
      expect(readRow(counts, ['A', qty, ''])).toMatchObject({ code: 'INVALID_QTY' })
      expect(readRow(deltas, ['A', '', '1', qty, '', ''])).toMatchObject({ code: 'INVALID_QTY' })
    },
  )

  test.each(['00', '-1', 'x', '1.5', '9223372036854775808'])(
    'is refused that was counted as of %j',
    (asOf) => {
      expect(readRow(counts, ['A', '7', asOf])).toMatchObject({ code: 'STALE_EXPECTATION' })
    },
  )

  test('may leave out empty cells at its end, as spreadsheets do', () => {
    const sheet = columnsOf('sku,location,name,on_hand,reserved,as_of,counted')
    expect(readRow(sheet, ['A', 'MAIN', 'An item', '5', '0', '3'])).toBeNull()
    expect(readRow(sheet, ['A'])).toBeNull()
    expect(readRow(counts, ['A', '7'])).toEqual(readRow(counts, ['A', '7', '']))
    expect(readRow(deltas, ['A', '', '-3'])).toEqual(readRow(deltas, ['A', '', '-3', '', '', '']))
    // a cell that a row needs is not among them
    expect(readRow(deltas, ['A'])).toMatchObject({ code: 'INVALID_QTY' })
    expect(readRow(columnsOf('delta,sku'), ['1'])).toMatchObject({ code: 'INVALID_ROW' })
  })

  test('is refused with too many cells, no SKU, or a text that is none', () => {
    for (const cells of [
      ['A', '1', '', ''],
      ['', '1', ''],
    ])
      expect(readRow(counts, cells)).toMatchObject({ code: 'INVALID_ROW' })
    for (const [reason, reference] of [
      ['x'.repeat(501), ''],
      ['two\nlines', ''],
      ['', 'x'.repeat(201)],
      ['', 'nul\0'],
    ])
      expect(readRow(deltas, ['A', '', '1', '', reason!, reference!])).toMatchObject({ code: 'INVALID_ROW' })
  })

  test('never becomes another number than it says, whatever it says', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.integer().map(String), fc.double().map(String)), (cell) => {
        const row = readRow(counts, ['A', cell, ''])
        if (row === null) return cell === ''
        if (isRefusal(row)) return true
        return 'counted' in row && /^\d+$/.test(cell) && row.counted === BigInt(cell)
      }),
      { numRuns: 2_000 },
    )
  })
})
