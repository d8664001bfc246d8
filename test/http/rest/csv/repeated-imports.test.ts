import { readdir } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect, onTestFinished } from 'vitest'
import { test } from '../../../support/fixtures.ts'
import { eventually, joinTestApp, listen, seed } from '../../../support/harness.ts'
import { availableOf, lines, sendFile } from './send-file.ts'

describe('the same file again', () => {
  const file = lines('sku,delta', 'A,1', 'NONE,1')

  test('changes nothing, and has the same answer', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await sendFile(server.url, file)
    const again = await sendFile(server.url, file)
    expect(again.body).toEqual({ ...first.body, repeated: true })
    expect(again.body.refused_rows).toHaveLength(1)
    expect(await availableOf(app)).toBe(11n)
  })

  test('changes stock again under another key, once for each', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    for (const key of ['one', 'two', 'one', '"two"']) await sendFile(server.url, file, { key })
    await sendFile(server.url, file)
    expect(await availableOf(app)).toBe(13n)
  })

  test('is not another file under its key', async ({ app, server }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await sendFile(server.url, file, { key: 'one' })
    expect(await sendFile(server.url, lines('sku,delta', 'A,2'), { key: 'one' })).toMatchObject({
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
    expect(await sendFile(server.url, file, { key: 'of an order' })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    })
    expect(await sendFile(server.url, file, { key: 'ö' })).toMatchObject({
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
    const first = await sendFile(server.url, file, { key: 'one' })
    // an import is kept for longer
    await app.pool.query('delete from idempotency_keys')
    expect(await sendFile(server.url, lines('sku,delta', 'A,2'), { key: 'one' })).toMatchObject({
      status: 422,
      body: { code: 'IDEMPOTENCY_KEY_REUSED' },
    })
    const again = await sendFile(server.url, file, { key: 'one' })
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
      [server.url, url, server.url].map((at) => sendFile(at, lines('sku,delta', ...rows))),
    )
    const done = (await eventually(async () => {
      const answer = await sendFile(url, lines('sku,delta', ...rows))
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
    expect(await app.prisma.inventoryMovement.count()).toBe(4_000)
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
    const broken = sendFile(url, file)
    await eventually(
      async () => (await app.prisma.import.findFirst({ where: { nextLine: { gt: 1 } } })) !== null,
    )
    await http.close()
    const first = await broken
    const { status, body } = await sendFile(server.url, file)
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
    expect((await sendFile(server.url, file)).body).toMatchObject({ complete: true, changed: 2_970 })
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
