import { describe, expect } from 'vitest'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { lines, sendFile, sha256, WHOLE } from './send-file.ts'

test('a dry run says what would come of it, row after row, and changes nothing', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  // the second transaction of some hundred rows takes what the first has added
  const file = lines('sku,delta', ...Array.from({ length: 700 }, () => 'A,1'), 'A,-700', 'A,-1', 'NONE,1')
  const { body } = await sendFile(server.url, file, { dryRun: true })
  expect(body).toEqual({
    ...WHOLE,
    file: sha256(file),
    dry_run: true,
    rows: 703,
    changed: 701,
    unchanged: 0,
    skipped: 0,
    refused: 2,
    refused_rows: [
      { line: 703, sku: 'A', code: 'INSUFFICIENT_STOCK', message: expect.any(String) },
      { line: 704, sku: 'NONE', code: 'UNKNOWN_SKU', message: expect.any(String) },
    ],
    // the first hundred
    changes: Array.from({ length: 100 }, (_, n) => {
      return { line: n + 2, sku: 'A', location: 'MAIN', before: n, after: n + 1 }
    }),
  })
  expect(await app.prisma.inventoryMovement.count()).toBe(0)
  expect(await app.prisma.import.count()).toBe(0)
  const { dry_run: _, ...real } = (await sendFile(server.url, file)).body
  expect(real).toEqual({ ...body, dry_run: undefined, changes: undefined })
})

test('a dry run of counts shows what would be on hand of the rows that differ', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 3 })
  await seed(app).item({ sku: 'B', available: 1_000 })
  await seed(app).location('EAST')
  const file = lines('sku,location,counted', 'A,,3', 'B,,250', 'A,EAST,2', 'B,,', 'A,NOWHERE,1')
  const { body } = await sendFile(server.url, file, { dryRun: true })
  expect(body.changes).toEqual([
    { line: 3, sku: 'B', location: 'MAIN', before: 1_000, after: 250 },
    { line: 4, sku: 'A', location: 'EAST', before: 0, after: 2 },
  ])
})

describe('a dry run counts as the import does', () => {
  test.for<[string, string[], object]>([
    [
      'one count in many rows',
      ['sku,counted,as_of', ...Array.from({ length: 502 }, () => 'A,7,0')],
      { changed: 1, unchanged: 501, refused: 0 },
    ],
    [
      'changes that add up to more than a movement holds',
      [
        'sku,delta',
        ...Array.from({ length: 500 }, () => 'A,2000000000'),
        ...Array.from({ length: 500 }, () => 'A,-2000000000'),
        'A,-1',
      ],
      { changed: 1_000, refused: 1 },
    ],
    [
      'a level that the file makes',
      ['sku,location,delta', ...Array.from({ length: 500 }, () => 'A,EAST,1'), 'A,EAST,-500', 'A,EAST,-1'],
      { changed: 501, refused: 1 },
    ],
  ])('%s', async ([, rows, expected], { app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    await seed(app).location('EAST')
    const dry = await sendFile(server.url, lines(...rows), { dryRun: true })
    expect(dry.body).toMatchObject(expected)
    const { body } = await sendFile(server.url, lines(...rows))
    expect({ ...dry.body, dry_run: false, changes: undefined }).toEqual(body)
  })
})
