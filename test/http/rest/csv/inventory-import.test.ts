import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { spoolUpload } from '../../../../src/http/rest/csv/spool-upload.ts'
import { CSV_SIZE_MAX_BYTES } from '../../../../src/limits.ts'
import { listMovements } from '../../../../src/use-cases/stock/list-movements.ts'
import { importInventory } from '../../../../src/use-cases/stock/sheets/import-inventory.ts'
import { test } from '../../../support/fixtures.ts'
import { eventually, joinTestApp, listen, seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'

type Options = { key?: string; dryRun?: boolean; accept?: string; headers?: Record<string, string> }

/** Sends a file. @returns its status and the text of the answer, and its value where it is JSON */
async function send(url: string, file: string | Uint8Array, { key, dryRun, accept, headers }: Options = {}) {
  const response = await fetch(`${url}/api/inventory/import${dryRun ? '?dry_run=true' : ''}`, {
    method: 'POST',
    headers: {
      'content-type': 'text/csv',
      ...(key && { 'idempotency-key': key }),
      ...(accept && { accept }),
      ...headers,
    },
    body: file as BodyInit,
  })
  const text = await response.text()
  const isJson = response.headers.get('content-type')?.includes('json')
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    text,
    body: isJson && JSON.parse(text.trim().split('\n').at(-1)!),
  }
}

const lines = (...rows: string[]) => rows.map((row) => `${row}\n`).join('')
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const availableOf = async (app: App, sku = 'A') => (await readItem(app, sku)).available
const ledgerOf = async (app: App, sku = 'A') =>
  (await listMovements(app, LOCAL_OPERATOR, { sku, limit: 100 }))!.movements

async function countMovements(app: App): Promise<number> {
  return app.prisma.inventoryMovement.count()
}

const WHOLE = { dry_run: false, repeated: false, complete: true, next_line: null }

describe('a file', () => {
  test('changes stock row by row, and tells of the rows that it did not', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await seed(app).location('EAST')
    const file = lines(
      'sku,location,delta,expected_available,reason,reference',
      'A,,-3,10,broken,slip 1',
      'A,EAST,+5,,,',
      'A,,-3,10,again,',
      'B,,1,,,',
      'A,NOWHERE,1,,,',
      'A,,-8,,,',
      'A,,lots,,,',
      'A,,-7,,,',
    )
    const { status, body } = await send(server.url, file)
    expect(status).toBe(200)
    expect(body).toEqual({
      file: sha256(file),
      ...WHOLE,
      rows: 8,
      changed: 3,
      unchanged: 0,
      skipped: 0,
      refused: 5,
      refused_rows: [
        { line: 4, sku: 'A', code: 'STALE_EXPECTATION', message: '7 are available, not 10' },
        { line: 5, sku: 'B', code: 'UNKNOWN_SKU', message: 'There is no item with the SKU "B"' },
        { line: 6, sku: 'A', code: 'UNKNOWN_LOCATION', message: expect.stringContaining('NOWHERE') },
        { line: 7, sku: 'A', code: 'INSUFFICIENT_STOCK', message: 'Only 7 are available' },
        { line: 8, sku: 'A', code: 'INVALID_QTY', message: expect.stringContaining('not "lots"') },
      ],
    })
    expect(await availableOf(app)).toBe(5n)
    const [last, east, first] = await ledgerOf(app)
    expect(first).toMatchObject({
      delta: -3,
      reason: 'broken',
      reference: 'slip 1',
      actor: LOCAL_OPERATOR.id,
    })
    expect(east).toMatchObject({ delta: 5, location: 'EAST', reason: 'CSV import', reference: null })
    expect(last).toMatchObject({ delta: -7, location: 'MAIN' })
  })

  test('counts, as of a movement or now, and skips what nobody counted', async ({ app, server }) => {
    for (const sku of ['A', 'B', 'C']) await seed(app).item({ sku, available: 10 })
    const [newest] = await ledgerOf(app, 'A')
    await seed(app).stock({ sku: 'A', qty: 4 })
    const file = lines('sku,counted,as_of', `A,9,${newest!.id}`, 'B,,', 'C,10,', 'B, ,', 'C,12,')
    const { body } = await send(server.url, file)
    expect(body).toMatchObject({ ...WHOLE, rows: 5, changed: 2, unchanged: 1, skipped: 2, refused: 0 })
    expect([await availableOf(app, 'A'), await availableOf(app, 'B'), await availableOf(app, 'C')]).toEqual([
      13n,
      10n,
      12n,
    ])
    expect((await ledgerOf(app, 'A'))[0]).toMatchObject({ type: 'COUNT', delta: -1 })
  })

  test('may begin with a byte order mark, end lines as Windows does, and quote', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const { body } = await send(
      server.url,
      '\ufeff"sku","delta","reason"\r\n"A","2","broken, ""all"""\r\n\r\nA,3,',
    )
    expect(body).toMatchObject({ ...WHOLE, rows: 2, changed: 2 })
    expect((await ledgerOf(app))[1]).toMatchObject({ reason: 'broken, "all"' })
  })

  test('changes a SKU as often as it has rows for it, over many transactions', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    // refused as often as it is one too many
    const rows = Array.from({ length: 2_000 }, (_, index) => (index % 4 === 3 ? 'A,-4' : 'A,1'))
    const { body } = await send(server.url, lines('sku,delta', ...rows))
    expect(body).toMatchObject({ ...WHOLE, rows: 2_000, changed: 1_875, refused: 125 })
    expect(await availableOf(app)).toBe(1_500n - 4n * 375n)
  })
})

describe('a file that is wrong as a whole changes nothing', () => {
  test.for<[string, number, string, string, string | Uint8Array]>([
    ['nothing', 422, 'INVALID_COLUMNS', 'The file is empty', ''],
    ['an ambiguous column', 422, 'INVALID_COLUMNS', 'into a column delta', 'sku,quantity\nA,1\n'],
    ['semicolons', 422, 'INVALID_COLUMNS', 'commas', 'sku;delta\nA;1\n'],
    ['an open quote', 400, 'MALFORMED_CSV', 'Line 3: a quote is opened', 'sku,delta\nA,1\nA,"2\n'],
    ['Latin-1', 400, 'MALFORMED_CSV', 'not UTF-8', Buffer.from('sku,delta\nA,1\n\xe4,1\n', 'latin1')],
    [
      'half a character',
      400,
      'MALFORMED_CSV',
      'not UTF-8',
      Buffer.from('sku,delta\nA,1\n\u2603').subarray(0, -1),
    ],
    ['UTF-16', 400, 'MALFORMED_CSV', 'not UTF-8', Buffer.from('\ufeffsku,delta\nA,1\n', 'utf16le')],
    ['a row too many', 413, 'BODY_TOO_LARGE', '1,000,000 rows', `sku,delta\n${'A,1\n'.repeat(1_000_001)}`],
  ])('%s', async ([, status, code, detail, file], { app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const answer = await send(server.url, file)
    expect(answer).toMatchObject({ status, body: { code } })
    expect(answer.body.detail).toContain(detail)
    expect(await availableOf(app)).toBe(10n)
    expect(await app.prisma.import.count()).toBe(0)
  })

  test('another type, coding or character set is refused', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    for (const headers of [
      { 'content-type': 'application/json' },
      { 'content-type': 'text/csv; charset=latin1' },
      { 'content-encoding': 'gzip' },
    ] as Record<string, string>[])
      expect(await send(server.url, 'sku,delta\nA,1\n', { headers })).toMatchObject({
        status: 415,
        body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      })
    const { status } = await send(server.url, 'sku,delta\nA,1\n', {
      headers: { 'content-type': 'text/csv; charset=UTF-8' },
    })
    expect(status).toBe(200)
    expect(await availableOf(app)).toBe(11n)
  })

  test('a body of more than the limit is refused, whether it says so or not; that of another call by a lower one', async ({
    server,
  }) => {
    const head =
      'POST /api/inventory/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nConnection: close\r\n'
    const said = await raw(server.url, `${head}Content-Length: ${CSV_SIZE_MAX_BYTES + 1}\r\n\r\n`)
    expect(said).toMatch(/^HTTP\/1.1 413 /)
    // in less than a million rows
    const rows = Buffer.from(`A,1,${'x'.repeat(120)}\n`.repeat(10_000))
    const body = Readable.from(
      (function* () {
        yield Buffer.from('sku,delta,name\n')
        for (let sent = 0; sent <= CSV_SIZE_MAX_BYTES; sent += rows.length) yield rows
      })(),
    )
    await expect(spoolUpload(body)).rejects.toMatchObject({ code: 'BODY_TOO_LARGE' })
    const response = await fetch(`${server.url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sku: 'x'.repeat(100_001) }),
    })
    expect(response.status).toBe(413)
  })
})

async function raw(url: string, text: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8')
  socket.write(text)
  const [answer] = await once(socket, 'data')
  socket.destroy()
  return answer
}

describe('the same file again', () => {
  const file = lines('sku,delta', 'A,1', 'NONE,1')

  test('changes nothing, and has the same answer', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await send(server.url, file)
    const again = await send(server.url, file)
    expect(again.body).toEqual({ ...first.body, repeated: true })
    expect(again.body.refused_rows).toHaveLength(1)
    expect(await availableOf(app)).toBe(11n)
  })

  test('changes stock again under another key, once for each', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    for (const key of ['one', 'two', 'one', '"two"']) await send(server.url, file, { key })
    await send(server.url, file)
    expect(await availableOf(app)).toBe(13n)
  })

  test('is not another file under its key', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await send(server.url, file, { key: 'one' })
    expect(await send(server.url, lines('sku,delta', 'A,2'), { key: 'one' })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    })
    const order = (key: string) =>
      fetch(`${server.url}/api/order`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify({ sku: 'A', qty: 1 }),
      })
    // nor another call
    expect((await order('one')).status).toBe(422)
    expect((await order('of an order')).status).toBe(201)
    expect(await send(server.url, file, { key: 'of an order' })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    })
    expect(await send(server.url, file, { key: 'ö' })).toMatchObject({
      status: 422,
      body: { code: 'INVALID_IDEMPOTENCY_KEY' },
    })
    expect(await availableOf(app)).toBe(11n)
    expect(await app.prisma.import.count()).toBe(1)
  })

  test('is known by its key also after another file came under it, once the key is forgotten', async ({
    app,
    server,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await send(server.url, file, { key: 'one' })
    // an import is kept for longer
    await app.pool.query('delete from idempotency_keys')
    expect(await send(server.url, lines('sku,delta', 'A,2'), { key: 'one' })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    })
    const again = await send(server.url, file, { key: 'one' })
    expect(again).toMatchObject({ status: 200, body: { ...first.body, repeated: true } })
    expect(await availableOf(app)).toBe(11n)
  })

  test('at the same moment, to two processes, changes stock once', async ({ app, testApp, server }) => {
    const other = await joinTestApp(testApp)
    const { http, url } = await listen(other)
    onTestFinished(async () => {
      await http.close()
      await other.close()
    })
    for (let sku = 0; sku < 20; sku++) await seed(app).item({ sku: `S${sku}`, available: 0 })
    const rows = Array.from({ length: 4_000 }, (_, index) => `S${index % 20},1`)
    const answers = await Promise.all(
      [server.url, url, server.url].map((at) => send(at, lines('sku,delta', ...rows))),
    )
    const done = (await eventually(async () => {
      const answer = await send(url, lines('sku,delta', ...rows))
      return answer.status === 200 ? answer : null
    }))!
    for (const { status, body } of answers) {
      if (status !== 200)
        expect([status, body.code]).toBeOneOf([
          [409, 'IMPORT_IN_PROGRESS'],
          [503, 'UNAVAILABLE'],
        ])
    }
    expect(done.body).toMatchObject({ complete: true, repeated: true, rows: 4_000, changed: 4_000 })
    expect(await countMovements(app)).toBe(4_000)
    for (let sku = 0; sku < 20; sku++) expect(await availableOf(app, `S${sku}`)).toBe(200n)
  })
})

test('an answer that has begun says where another call went on with the file', async ({
  app,
  testApp,
  server,
}) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const file = lines('sku,delta', ...Array.from({ length: 2_000 }, () => 'A,1'))
  const busy = new pg.Client({ connectionString: testApp.databaseUrl })
  await busy.connect()
  await busy.query('begin; select from stock_levels for update')
  const begin = () =>
    fetch(`${server.url}/api/inventory/import`, {
      method: 'POST',
      headers: { 'content-type': 'text/csv', accept: 'application/x-ndjson' },
      body: file,
    })
  const responses = await Promise.all([begin(), begin()])
  expect(responses.map(({ status }) => status)).toEqual([200, 200])
  await busy.query('rollback')
  await busy.end()
  const texts = await Promise.all(responses.map((response) => response.text()))
  const [one, other] = texts
    .map((text) => JSON.parse(text.trim().split('\n').at(-1)!))
    .sort((a, b) => b.rows - a.rows)
  expect(one).toMatchObject({ complete: true, rows: 2_000, next_line: null })
  if (!other.complete) expect(other.next_line).toBe(other.rows + 2)
  expect(other.rows).toBeGreaterThan(0)
  expect(await availableOf(app)).toBe(2_000n)
})

describe('an import that broke off', () => {
  const rows = Array.from({ length: 3_000 }, (_, index) => `${index % 100 === 99 ? 'NONE' : 'A'},1`)
  const file = lines('sku,delta', ...rows)

  test('goes on where it was', async ({ app, testApp, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const other = await joinTestApp(testApp)
    onTestFinished(() => other.close())
    const { http, url } = await listen(other)
    // the process is stopped in the middle of it
    const broken = send(url, file)
    await eventually(
      async () => (await app.prisma.import.findFirst({ where: { nextLine: { gt: 1 } } })) !== null,
    )
    await http.close()
    const first = await broken
    const { status, body } = await send(server.url, file)
    expect(status).toBe(200)
    expect(body).toMatchObject({ complete: true, rows: 3_000, changed: 2_970, refused: 30, next_line: null })
    expect(body.refused_rows.map(({ line }: { line: number }) => line)).toEqual(
      Array.from({ length: 30 }, (_, index) => 101 + index * 100),
    )
    expect(first.status).toBe(200)
    if (!first.body.complete) expect(first.body.next_line).toBe(first.body.rows + 2)
    expect(await availableOf(app)).toBe(2_970n)
  })

  test('leaves nothing where the upload broke off', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    socket.write(
      'POST /api/inventory/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 1000000\r\n\r\n',
    )
    socket.write(file)
    await sleep(200)
    socket.destroy()
    expect((await send(server.url, file)).body).toMatchObject({ complete: true, changed: 2_970 })
    expect(await availableOf(app)).toBe(2_970n)
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('holdfast-import-'))).toEqual([])
  })

  test('is done all the same where its caller hung up', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
    const head = `POST /api/inventory/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: ${file.length}\r\n\r\n`
    socket.write(head + file)
    await eventually(async () => (await app.prisma.import.count()) > 0)
    socket.destroy()
    await eventually(async () => (await availableOf(app)) === 2_970n)
  })
})

test('a dry run says what would come of it, row after row, and changes nothing', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  // the second transaction of some hundred rows takes what the first has added
  const file = lines('sku,delta', ...Array.from({ length: 700 }, () => 'A,1'), 'A,-700', 'A,-1', 'NONE,1')
  const { body } = await send(server.url, file, { dryRun: true })
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
  })
  expect(await countMovements(app)).toBe(0)
  expect(await app.prisma.import.count()).toBe(0)
  const { dry_run: _, ...real } = (await send(server.url, file)).body
  expect(real).toEqual({ ...body, dry_run: undefined })
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
    const dry = await send(server.url, lines(...rows), { dryRun: true })
    expect(dry.body).toMatchObject(expected)
    const { body } = await send(server.url, lines(...rows))
    expect({ ...dry.body, dry_run: false }).toEqual(body)
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
    await send(server.url, file)
    const dry = await send(server.url, file, { dryRun: true })
    const { body } = await send(server.url, file)
    expect(body).toMatchObject({ dry_run: false, repeated: true, refused: 12 })
    expect(dry.body).toEqual({ ...body, dry_run: true })
  })

  test('that broke off counts what was imported before', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    await breakOff(app, file)
    const dry = await send(server.url, file, { dryRun: true })
    expect(dry.body).toMatchObject({ rows: 1_200, changed: 1_188, refused: 12, complete: true })
    const { body } = await send(server.url, file)
    expect(dry.body).toEqual({ ...body, dry_run: true })
    expect(await availableOf(app)).toBe(1_188n)
  })

  test('that broke off ends at as many refused rows as the import', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 0 })
    const wrong = lines('sku,delta', ...Array.from({ length: 11_000 }, () => 'NONE,1'))
    await breakOff(app, wrong)
    const dry = await send(server.url, wrong, { dryRun: true })
    expect(dry.body).toMatchObject({ refused: 10_000, complete: false, next_line: 10_002 })
    const { body } = await send(server.url, wrong)
    expect(dry.body).toEqual({ ...body, dry_run: true })
  })

  test('under the key of another call, or of another file, is refused', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 5 })
    await fetch(`${server.url}/api/order`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'of an order' },
      body: JSON.stringify({ sku: 'A', qty: 1 }),
    })
    await send(server.url, lines('sku,delta', 'A,2'), { key: 'of a file' })
    for (const key of ['of an order', 'of a file']) {
      expect(await send(server.url, file, { key, dryRun: true })).toMatchObject({
        status: 422,
        body: { code: 'IDEMPOTENCY_KEY_REUSED' },
      })
    }
    const free = await send(server.url, file, { key: 'free', dryRun: true })
    expect(free).toMatchObject({ status: 200, body: { repeated: false, refused: 12 } })
  })
})

test('the answer is the refused rows as CSV, or lines of progress, where that is asked for', async ({
  app,
  server,
}) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const file = lines('sku,delta', 'A,1', '"=1+1, ""x""",1')
  const csv = await send(server.url, file, { accept: 'text/csv' })
  expect(csv.type).toBe('text/csv; charset=utf-8')
  expect(csv.text).toBe(
    'line,sku,code,message\r\n3,"\'=1+1, ""x""",UNKNOWN_SKU,"There is no item with the SKU ""=1+1, \\""x\\"""""\r\n',
  )
  const progress = await send(server.url, file, { accept: 'application/x-ndjson' })
  expect(progress.type).toBe('application/x-ndjson; charset=utf-8')
  expect(progress.body).toMatchObject({ complete: true, repeated: true, changed: 1, refused: 1 })
})

test('with too many refused rows the import ends, and says where', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const file = lines('sku,delta', ...Array.from({ length: 12_000 }, () => 'NONE,1'), 'A,1')
  const first = await send(server.url, file)
  expect(first.body).toMatchObject({ complete: false, next_line: 10_002, rows: 10_000, refused: 10_000 })
  expect(first.body.refused_rows).toHaveLength(10_000)
  const again = await send(server.url, file)
  expect(again.body).toEqual(first.body)
  const { text } = await send(server.url, file, { accept: 'text/csv' })
  expect(text.trimEnd().split('\r\n').at(-1)).toMatch(/^10002,,NOT_IMPORTED,/)
  expect(await availableOf(app)).toBe(0n)
})

test('an upload may take longer than the body of another call', async ({ app, testApp }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const { http, url } = await listen(testApp)
  onTestFinished(() => http.close())
  http.server.requestTimeout = http.server.headersTimeout = 300
  const slow = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8')
  slow.write(
    'POST /api/inventory/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\nContent-Length: 14\r\n\r\nsku,',
  )
  const other = connect(Number(new URL(url).port), '127.0.0.1').resume()
  other.write(
    'POST /api/order HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{',
  )
  // Node looks once a second: by the time it has closed the other, it has seen this one
  await once(other, 'close')
  await sleep(1_500)
  slow.write('delta\nA,1\n')
  const [answer] = await once(slow, 'data')
  expect(answer).toMatch(/^HTTP\/1.1 200 /)
  expect(await availableOf(app)).toBe(1n)
  slow.destroy()
})
