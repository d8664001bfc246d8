import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { describe, expect } from 'vitest'
import type { App } from '../../../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { EXPORTS_MAX } from '../../../../src/limits.ts'
import { adjustInventory } from '../../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { test } from '../../../support/fixtures.ts'
import { eventually, seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'

async function get(url: string, path: string) {
  const response = await fetch(url + path)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, rows: text.trimEnd().split('\r\n') }
}

async function importSheet(url: string, sheet: string) {
  const response = await fetch(`${url}/api/inventory/import`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: sheet,
  })
  return (await response.json()) as Record<string, unknown>
}

async function adjust(app: App, over: { delta: number; reason?: string; location?: string }) {
  const { movement } = await adjustInventory(app, LOCAL_OPERATOR, {
    sku: 'A',
    reason: 'x',
    expectedAvailable: null,
    ...over,
  })
  return movement!.id
}

describe('the count sheet', () => {
  test('has each level, as of its newest movement', async ({ app, server }) => {
    await seed(app).location('EAST')
    await seed(app).item({ sku: 'A', available: 10 })
    const east = await adjust(app, { location: 'EAST', delta: 3 })
    const main = await adjust(app, { delta: -1 })
    await seed(app).item({ sku: '-B' })
    await app.pool.query(`update items set name = '=1+1, "x"' where sku = 'A'`)
    const { status, headers, text } = await get(server.url, '/api/inventory/export')
    expect(status).toBe(200)
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(headers.get('content-disposition')).toBe('attachment; filename="count-sheet.csv"')
    expect(text).toBe(
      [
        'sku,location,name,on_hand,reserved,as_of,counted',
        `'-B,MAIN,'-B,0,0,0,`,
        `A,EAST,"'=1+1, ""x""",3,0,${east},`,
        `A,MAIN,"'=1+1, ""x""",9,0,${main},`,
        '',
      ].join('\r\n'),
    )
  })

  test('that comes back untouched changes nothing, and counted it corrects what did not move', async ({
    app,
    server,
  }) => {
    await seed(app).location('EAST')
    for (const sku of ['A', '-B', 'C']) await seed(app).item({ sku, available: 10 })
    await seed(app).stock({ sku: 'A', location: 'EAST', qty: 5 })
    const { id } = await seed(app).order({ sku: 'A', qty: 4 })
    await reserveOrders(app, [id])
    const movements = await app.prisma.inventoryMovement.count()
    const { text } = await get(server.url, '/api/inventory/export')
    expect(await importSheet(server.url, text)).toMatchObject({ complete: true, rows: 4, skipped: 4 })
    expect(await app.prisma.inventoryMovement.count()).toBe(movements)
    // counted as it was, while more is sold and comes in
    const sold = await seed(app).order({ sku: 'A', qty: 2 })
    await reserveOrders(app, [sold.id])
    await adjust(app, { delta: 7 })
    const onHand = text.replaceAll(/^('?[\w-]+,\w+,'?[\w-]+,)(\d+)(,\d+,\d+,)$/gm, '$1$2$3$2')
    expect(onHand).toContain(',10,')
    expect(await importSheet(server.url, onHand)).toMatchObject({ complete: true, rows: 4, unchanged: 4 })
    const less = onHand.replace(/^('-B.*,)10$/m, '$19')
    expect(await importSheet(server.url, less)).toMatchObject({ complete: true, changed: 1, unchanged: 3 })
    expect(await readItem(app, '-B')).toMatchObject({ available: 9n })
    expect(await readItem(app, 'A')).toMatchObject({ available: 16n, reserved: 6n })
  })

  test('is read in pages that leave out nothing', async ({ app, server }) => {
    await app.pool.query(`insert into items (sku, name) select 'S' || n, 'x' from generate_series(1, 450) n`)
    await app.pool.query(
      `insert into stock_levels (sku, location, available, reserved) select 'S' || n, 'MAIN', 0, 0 from generate_series(1, 450) n`,
    )
    const { rows } = await get(server.url, '/api/inventory/export')
    expect(new Set(rows.slice(1).map((row) => row.split(',')[0])).size).toBe(450)
    expect(rows).toHaveLength(451)
  })
})

describe('the ledger', () => {
  test('has every movement, the oldest first, and goes on behind one', async ({ app, server }) => {
    expect((await get(server.url, '/api/movements/export')).rows).toHaveLength(1)
    await seed(app).item({ sku: 'A', available: 10 })
    const id = await adjust(app, { delta: -3, reason: '=cmd, "x"' })
    const { headers, rows } = await get(server.url, '/api/movements/export')
    expect(headers.get('content-disposition')).toBe('attachment; filename="movements.csv"')
    expect(rows[0]).toBe(
      'id,sku,location,type,delta,reserved_delta,available_after,reserved_after,order_id,order_version,shipment_id,reason,reference,actor,created_at',
    )
    expect(rows[1]).toMatch(/^\d+,A,MAIN,RECEIPT,10,0,10,0,,,,,,anonymous,/)
    expect(rows[2]).toMatch(
      new RegExp(`^${id},A,MAIN,ADJUSTMENT,-3,0,7,0,,,,"'=cmd, ""x""",,anonymous,\\d{4}-\\d\\d-\\d\\dT`),
    )
    const next = await adjust(app, { delta: 1 })
    const { rows: behind } = await get(server.url, `/api/movements/export?after=${id}`)
    expect(behind.slice(1).map((row) => row.split(',')[0])).toEqual([String(next)])
    expect((await get(server.url, `/api/movements/export?after=${next}`)).rows).toHaveLength(1)
    expect((await get(server.url, '/api/movements/export?after=0')).rows).toHaveLength(4)
  })

  test('is read in pages that leave out nothing', async ({ app, server }) => {
    await seed(app).item({ sku: 'A' })
    await app.pool.query(
      `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
      select 'A', 'MAIN', 'RECEIPT', 1, 0, n, 0, now() from generate_series(1, 2500) n`,
    )
    await app.pool.query(`update stock_levels set available = 2500 where sku = 'A'`)
    await app.pool.query(`update items set is_out = false where sku = 'A'`)
    const { rows } = await get(server.url, '/api/movements/export')
    const ids = rows.slice(1).map((row) => Number(row.split(',')[0]))
    expect(ids).toHaveLength(2_500)
    expect(ids).toEqual(ids.toSorted((one, other) => one - other))
  })

  test('waits for movements with an earlier id that are not committed yet', async ({
    app,
    testApp,
    server,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await seed(app).item({ sku: 'B', available: 10 })
    const late = new pg.Client({ connectionString: testApp.databaseUrl })
    await late.connect()
    // before the database is dropped, whatever comes of the test
    late.on('error', () => {})
    await late.query('begin')
    await late.query(`update stock_levels set available = 11 where sku = 'B'`)
    // holds back who goes by transaction ids alone
    const other = new pg.Client({ connectionString: testApp.databaseUrl }).on('error', () => {})
    await other.connect()
    await other.query('begin; select from items for update')
    await late.query(
      `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
      values ('B', 'MAIN', 'RECEIPT', 1, 0, 11, 0, now())`,
    )
    await adjust(app, { delta: 1 })
    let isDone = false
    const reading = get(server.url, '/api/movements/export').finally(() => {
      isDone = true
    })
    await eventually(async () => {
      // not within the transaction, which would see the same each time
      const { rowCount } = await app.pool.query(
        `select from pg_stat_activity where datname = current_database() and query like '%from pg_locks%' and pid <> pg_backend_pid()`,
      )
      return rowCount! > 0
    })
    expect(isDone).toBe(false)
    await late.query('commit')
    await late.end()
    // the other is still open
    expect((await reading).rows.map((row) => row.split(',')[1])).toEqual(['sku', 'A', 'B', 'B', 'A'])
    await other.end()
  })

  test.for(['x', '00', '-1', '1.5', '9223372036854775808', ''])(
    'refuses to go on behind %j',
    async (after, { server }) => {
      const { status, text } = await get(server.url, `/api/movements/export?after=${after}`)
      expect([status, JSON.parse(text).code]).toEqual([422, 'INVALID_CURSOR'])
    },
  )
})

test('one export too many is refused, also while the others wait for their first page', async ({
  testApp,
  server,
}) => {
  // the ledger begins once whoever writes to it is done
  const writer = new pg.Client({ connectionString: testApp.databaseUrl })
  await writer.connect()
  await writer.query('begin; lock table inventory_movements in row exclusive mode')
  const calls = Array.from({ length: EXPORTS_MAX + 1 }, () => get(server.url, '/api/movements/export'))
  // at once: one that waited for the writer in vain would be too, after 5 s
  expect(await Promise.race([...calls, sleep(4_000)])).toMatchObject({ status: 503 })
  await writer.query('rollback')
  await writer.end()
  const statuses = (await Promise.all(calls)).map(({ status }) => status).sort()
  expect(statuses).toEqual([...Array<number>(EXPORTS_MAX).fill(200), 503])
  expect((await get(server.url, '/api/movements/export')).status).toBe(200)
})

test('a reader who leaves takes no place of others', async ({ app, server }) => {
  await app.pool.query(
    `insert into items (sku, name) select 'S' || n, repeat('x', 200) from generate_series(1, 20000) n`,
  )
  await app.pool.query(
    `insert into stock_levels (sku, location, available, reserved) select 'S' || n, 'MAIN', 0, 0 from generate_series(1, 20000) n`,
  )
  for (let times = 0; times < 15; times++) {
    const left = new AbortController()
    const response = await fetch(`${server.url}/api/inventory/export`, { signal: left.signal })
    expect(response.status).toBe(200)
    left.abort()
    // its place is free once the server has noticed
    await eventually(async () => {
      const { status } = await fetch(`${server.url}/api/movements/export`)
      return status === 200
    })
  }
})
