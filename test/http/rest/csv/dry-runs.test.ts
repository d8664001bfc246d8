import { Readable } from 'node:stream'
import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { spoolUpload } from '../../../../src/http/rest/csv/spool-upload.ts'
import { importInventory } from '../../../../src/use-cases/stock/sheets/import-inventory.ts'
import { test } from '../../../support/fixtures.ts'
import { seed } from '../../../support/harness.ts'
import { availableOf, lines, sendFile, sha256, WHOLE } from './send-file.ts'

test('a dry run says what would come of it, row after row, and changes nothing', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  // the second transaction of 50 rows takes what the first has added
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
    [
      'counts and changes at two locations',
      [
        'sku,location,counted,as_of',
        ...Array.from({ length: 300 }, () => ['A,EAST,4,0', 'A,MAIN,9,0']).flat(),
        'A,EAST,5,0',
        'A,MAIN,9,',
      ],
      { changed: 3, unchanged: 599, refused: 0 },
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

describe('a dry run of a file that is known', () => {
  const file = lines(
    'sku,delta',
    ...Array.from({ length: 1_200 }, (_, n) => (n % 100 === 7 ? 'NONE,1' : 'A,1')),
  )

  /** Imports the first rows of a file, as a process does that is stopped in the middle. */
  async function breakOff(app: App, text: string): Promise<void> {
    const upload = await spoolUpload(Readable.from([Buffer.from(text)]))
    const stopping = new AbortController()
    const onProgress = () => stopping.abort()
    const how = { idempotencyKey: null, dryRun: false, signal: stopping.signal, onProgress }
    const { report } = await importInventory(app, LOCAL_OPERATOR, upload, how)
    await upload.close()
    expect(report!.nextLine).toBeGreaterThan(2)
  }

  test('that is finished has its answer, and says that it was one', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    await sendFile(server.url, file)
    const dry = await sendFile(server.url, file, { dryRun: true })
    const { body } = await sendFile(server.url, file)
    expect(body).toMatchObject({ dry_run: false, repeated: true, refused: 12 })
    expect(dry.body).toEqual({ ...body, dry_run: true })
  })

  test('that broke off counts what was imported before', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    await breakOff(app, file)
    const dry = await sendFile(server.url, file, { dryRun: true })
    expect(dry.body).toMatchObject({ rows: 1_200, changed: 1_188, refused: 12, complete: true })
    const { body } = await sendFile(server.url, file)
    expect({ ...dry.body, changes: undefined }).toEqual({ ...body, dry_run: true })
    expect(await availableOf(app)).toBe(1_188n)
  })

  test('that broke off ends at as many refused rows as the import', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const wrong = lines('sku,delta', ...Array.from({ length: 11_000 }, () => 'NONE,1'))
    await breakOff(app, wrong)
    const dry = await sendFile(server.url, wrong, { dryRun: true })
    expect(dry.body).toMatchObject({ refused: 10_000, complete: false, next_line: 10_002 })
    const { body } = await sendFile(server.url, wrong)
    expect({ ...dry.body, changes: undefined }).toEqual({ ...body, dry_run: true })
  })

  test('under the key of another call, or of another file, is refused', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await fetch(`${server.url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'of an order' },
      body: JSON.stringify({ sku: 'A', qty: 1 }),
    })
    await sendFile(server.url, lines('sku,delta', 'A,2'), { key: 'of a file' })
    for (const key of ['of an order', 'of a file']) {
      expect(await sendFile(server.url, file, { key, dryRun: true })).toMatchObject({
        status: 422,
        body: { code: 'IDEMPOTENCY_KEY_REUSED' },
      })
    }
    const free = await sendFile(server.url, file, { key: 'free', dryRun: true })
    expect(free).toMatchObject({ status: 200, body: { repeated: false, refused: 12 } })
  })
})
