import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  escapeFormula,
  readRows,
  unescapeFormula,
  writeRows,
} from '../../../../src/http/rest/csv/csv-text.ts'
import { ProblemError } from '../../../../src/http/rest/problem.ts'
import type { FileRow } from '../../../../src/use-cases/stock/sheets/import-chunks.ts'
import fc from '../../../support/properties.ts'

async function read(text: string | Uint8Array, size = 7): Promise<FileRow[]> {
  const bytes = Buffer.from(text)
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  )
  const rows: FileRow[] = []
  for await (const row of readRows(Readable.from(chunks))) rows.push(row)
  return rows
}

describe('reading', () => {
  test.each([1, 2, 3, 1_000])('finds rows and their lines, in pieces of %i bytes', async (size) => {
    const text =
      '\ufeffsku,delta\r\nA,1\r\n\r\n B , 2\n"C\r\nx\r\n",3\r\n\r\n,,\r\n"D, ""d""",4\nE,"5\n\n6"\n"F" ,7,8\r\nG,9\n"\r\n","\r"\n"H\r",10\nI,11'
    expect(await read(text, size)).toEqual([
      { line: 1, cells: ['sku', 'delta'] },
      { line: 2, cells: ['A', '1'] },
      { line: 4, cells: ['B', '2'] },
      { line: 5, cells: ['C\r\nx\r\n', '3'] },
      { line: 10, cells: ['D, "d"', '4'] },
      { line: 11, cells: ['E', '5\n\n6'] },
      { line: 14, cells: ['F', '7', '8'] },
      { line: 15, cells: ['G', '9'] },
      { line: 18, cells: ['H\r', '10'] },
      { line: 19, cells: ['I', '11'] },
    ])
  })

  test.each([
    ['a,b\n"x,1\n', 'Line 2: a quote is opened and never closed'],
    ['a,b\nx,1\ny"z,1\n', 'Line 3: a quote must enclose a whole cell'],
    ['a,b\n\n"\r\n\r",1\n"","\r"\ny"z,1\n', 'Line 6: a quote must enclose a whole cell'],
    ['a,b\n"x"y,1\n', 'Line 2: a quote must enclose a whole cell'],
    [`a,b\n${'x'.repeat(70_000)},1\n`, 'Line 2: a row is longer than 65536 characters'],
  ])('says what is wrong in %j', async (text, message) => {
    const reading = read(text, 1_000)
    await expect(reading).rejects.toBeInstanceOf(ProblemError)
    await expect(reading).rejects.toMatchObject({
      code: 'MALFORMED_CSV',
      message: expect.stringContaining(message),
    })
  })

  test('fails in no other way, whatever the bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.uint8Array({ maxLength: 300 }), fc.string({ unit: fc.constantFrom(...'a,"\r\n\'=') })),
        async (text) => {
          const rows = await read(text).catch((error) => {
            if (error.code !== 'MALFORMED_CSV') throw error
            return []
          })
          const lines = rows.map(({ line }) => line)
          expect(lines).toEqual([...new Set(lines)].sort((one, other) => one - other))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('formulas', () => {
  test.each(['=1+1', '+1', '-1', '@x', '\tx', '\rx', "'=1", "''-1"])('%j is escaped', (text) => {
    expect(escapeFormula(text)).toBe(`'${text}`)
  })

  test.each(['', 'A-1', "'", "'quoted'", '1=1'])('%j is written as it is', (text) => {
    expect(escapeFormula(text)).toBe(text)
  })

  test('come back as they were', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...`'=+-@\t\rx`) }))
    fc.assert(
      fc.property(text, (text) => unescapeFormula(escapeFormula(text)) === text),
      { numRuns: 2_000 },
    )
  })

  test('what is written is read as it was', async () => {
    const cell = fc
      .oneof(fc.string(), fc.string({ unit: fc.constantFrom(...`'=+-@\t\r\n,"x`) }))
      .map((text) => `x${text}x`.toWellFormed())
    const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 })
    await fc.assert(
      fc.asyncProperty(rows, async (rows) => {
        expect((await read(writeRows(rows))).map(({ cells }) => cells)).toEqual(rows)
      }),
      { numRuns: 300 },
    )
  })
})
