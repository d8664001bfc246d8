import { once } from 'node:events'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, onTestFinished } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { spoolUpload } from '../../../../src/http/rest/csv/spool-upload.ts'
import { CSV_SIZE_MAX_BYTES } from '../../../../src/limits.ts'
import { listMovements } from '../../../../src/use-cases/stock/list-movements.ts'
import { test } from '../../../support/fixtures.ts'
import { listen, seed } from '../../../support/harness.ts'
import { availableOf, lines, sendFile, sha256, WHOLE } from './send-file.ts'

const ledgerOf = async (app: App, sku = 'A') =>
  (await listMovements(app, LOCAL_OPERATOR, { sku, limit: 100 }))!.movements

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
    const { status, body } = await sendFile(server.url, file)
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
    const { body } = await sendFile(server.url, file)
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
    const { body } = await sendFile(
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
    const { body } = await sendFile(server.url, lines('sku,delta', ...rows))
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
    const answer = await sendFile(server.url, file)
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
      expect(await sendFile(server.url, 'sku,delta\nA,1\n', { headers })).toMatchObject({
        status: 415,
        body: { code: 'UNSUPPORTED_MEDIA_TYPE' },
      })
    const { status } = await sendFile(server.url, 'sku,delta\nA,1\n', {
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

test('the answer is the refused rows as CSV, or lines of progress, where that is asked for', async ({
  app,
  server,
}) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const file = lines('sku,delta', 'A,1', '"=1+1, ""x""",1')
  const csv = await sendFile(server.url, file, { accept: 'text/csv' })
  expect(csv.type).toBe('text/csv; charset=utf-8')
  expect(csv.text).toBe(
    'line,sku,code,message\r\n3,"\'=1+1, ""x""",UNKNOWN_SKU,"There is no item with the SKU ""=1+1, \\""x\\"""""\r\n',
  )
  const progress = await sendFile(server.url, file, { accept: 'application/x-ndjson' })
  expect(progress.type).toBe('application/x-ndjson; charset=utf-8')
  expect(progress.body).toMatchObject({ complete: true, repeated: true, changed: 1, refused: 1 })
})

test('with too many refused rows the import ends, and says where', async ({ app, server }) => {
  await seed(app).item({ sku: 'A', available: 0 })
  const file = lines('sku,delta', ...Array.from({ length: 12_000 }, () => 'NONE,1'), 'A,1')
  const first = await sendFile(server.url, file)
  expect(first.body).toMatchObject({ complete: false, next_line: 10_002, rows: 10_000, refused: 10_000 })
  expect(first.body.refused_rows).toHaveLength(10_000)
  const again = await sendFile(server.url, file)
  expect(again.body).toEqual(first.body)
  const { text } = await sendFile(server.url, file, { accept: 'text/csv' })
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
