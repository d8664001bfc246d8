import { Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { type ImportCounts, NO_ROWS } from '../../../../src/domain/stock/import-counts.ts'
import { readRows } from '../../../../src/http/rest/csv/csv-text.ts'
import { answerFormFor, answerImport } from '../../../../src/http/rest/csv/import-answer.ts'
import type { ImportReport } from '../../../../src/use-cases/stock/sheets/import-inventory.ts'

test.for([
  [undefined, 'application/json'],
  ['*/*', 'application/json'],
  ['application/*', 'application/json'],
  ['text/html', 'application/json'],
  ['', 'application/json'],
  ['text/csv', 'text/csv'],
  ['Text/CSV; q=0.5', 'text/csv'],
  ['text/csv, */*', 'text/csv'],
  ['text/*, application/json;q=0.9', 'text/csv'],
  ['application/json, text/csv;q=0.1', 'application/json'],
  ['application/json, text/csv;q=0', 'application/json'],
  ['text/csvx', 'application/json'],
  ['application/x-ndjson, application/json;q=0.5', 'application/x-ndjson'],
])('who accepts %j gets %s', ([accept, type]) => {
  expect(answerFormFor(accept)).toMatchObject({ type })
})

describe('the answer to an import that goes on', () => {
  const report: ImportReport = {
    ...{ rowsRead: 3, changed: 2, unchanged: 0, skipped: 0, refused: 1 },
    ...{ fingerprint: 'f', dryRun: false, repeated: false, nextLine: null },
    refusals: [{ line: 3, sku: 'NONE', code: 'UNKNOWN_SKU', message: 'There is no item' }],
  }

  /** Begins an answer to a caller that accepts a type, which shows every few milliseconds that the import goes on. */
  function begin(accept: string) {
    const importing = Promise.withResolvers<ImportReport>()
    let progress = NO_ROWS
    const form = { ...answerFormFor(accept), intervalMs: 5 }
    const answer = answerImport(form, importing.promise, () => progress, 3)
    let text = ''
    const next = async () => {
      const { value, done } = await answer.next()
      text += value ?? ''
      return done ? null : value
    }
    return {
      ...importing,
      next,
      text: () => text,
      advance: (counts: Partial<ImportCounts>) => (progress = { ...progress, ...counts }),
    }
  }

  test('as CSV is the names of the columns, empty lines, and then the refused rows', async () => {
    const { next, resolve, text } = begin('text/csv')
    expect([await next(), await next(), await next()]).toEqual(['line,sku,code,message\r\n', '\r\n', '\r\n'])
    resolve(report)
    expect([await next(), await next()]).toEqual(['3,NONE,UNKNOWN_SKU,There is no item\r\n', null])
    const bytes = [Buffer.from(text())]
    const rows = await Array.fromAsync(readRows(Readable.from(bytes)))
    expect(rows.map(({ cells }) => cells)).toEqual([
      ['line', 'sku', 'code', 'message'],
      ['3', 'NONE', 'UNKNOWN_SKU', 'There is no item'],
    ])
  })

  test('as lines of JSON says how far it is, and last what came of it', async () => {
    const { next, resolve, advance } = begin('application/x-ndjson')
    expect(await next()).toBe('{"rows":0,"refused":0,"of":3}\n')
    advance({ rowsRead: 2, refused: 1 })
    expect(await next()).toBe('{"rows":2,"refused":1,"of":3}\n')
    resolve(report)
    const last = (await next())!
    expect(last).toMatch(/^.*\n$/)
    expect(JSON.parse(last)).toMatchObject({
      file: 'f',
      complete: true,
      rows: 3,
      refused_rows: { length: 1 },
    })
    expect(await next()).toBeNull()
  })

  test('as JSON is white space, and then one value', async () => {
    const { next, resolve, text } = begin('application/json')
    expect([await next(), await next()]).toEqual(['\n', '\n'])
    resolve(report)
    await next()
    expect(await next()).toBeNull()
    expect(JSON.parse(text())).toMatchObject({ complete: true, rows: 3 })
  })

  test('breaks off where the import fails', async () => {
    const { next, reject } = begin('text/csv')
    await next()
    await next()
    reject(new Error('the database is away'))
    await expect(next()).rejects.toThrow('the database is away')
  })
})
