import pg from 'pg'
import { afterEach, expect, test } from 'vitest'
import { createTestDatabase, eventually } from '../../../support/harness.ts'
import { Processes } from '../../../support/server-process.ts'

const SKUS = 40
/** Some forty transactions. */
const ROWS = 20_000
/** Every so many rows one names no item. */
const REFUSED_EVERY = 100

const processes = new Processes()
afterEach(() => processes.end())

async function send(url: string, file: string) {
  const response = await fetch(`${url}/api/inventory/import`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv' },
    body: file,
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('a file whose process was killed in the middle is imported to its end when it is sent again: nothing twice, nothing lost', async () => {
  const { databaseUrl, drop } = await createTestDatabase()
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  try {
    await database.query(
      `insert into items (sku, name) select 'S' || n, 'x' from generate_series(0, $1 - 1) as n`,
      [SKUS],
    )
    const isRefused = (row: number) => row % REFUSED_EVERY === REFUSED_EVERY - 1
    const rows = Array.from({ length: ROWS }, (_, row) => (isRefused(row) ? 'NONE,1' : `S${row % SKUS},1`))
    const file = `sku,delta\n${rows.join('\n')}\n`
    const readImport = async () =>
      (await database.query('select next_line, changed, finished_at from imports')).rows[0]
    const readLevels = async () =>
      (await database.query('select sku, available::int from stock_levels order by sku')).rows

    const first = await processes.startServer({ DATABASE_URL: databaseUrl })
    const broken = send(first.url, file).catch((error: unknown) => error)
    await eventually(async () => (await readImport())?.changed > 0)
    await first.end('SIGKILL')
    expect(await broken).toBeInstanceOf(Error)
    const left = await readImport()
    expect(left.finished_at).toBeNull()
    expect(left.next_line).toBeLessThan(ROWS)

    const second = await processes.startServer({ DATABASE_URL: databaseUrl })
    const { status, body } = await send(second.url, file)
    const refused = rows.filter((row) => row === 'NONE,1').length
    expect({ status, body }).toMatchObject({
      status: 200,
      body: { complete: true, repeated: false, rows: ROWS, changed: ROWS - refused, refused },
    })
    const expected = Map.groupBy(
      rows.filter((row) => row !== 'NONE,1'),
      (row) => row.split(',')[0]!,
    )
    expect(await readLevels()).toEqual(
      [...expected]
        .map(([sku, { length }]) => ({ sku, available: length }))
        .sort((one, other) => (one.sku < other.sku ? -1 : 1)),
    )
    const { rows: movements } = await database.query('select count(*)::int from inventory_movements')
    expect(movements).toEqual([{ count: ROWS - refused }])
    await second.end('SIGTERM')
  } finally {
    await processes.end()
    await database.end()
    await drop()
  }
})
