import { randomInt } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { recordStatements } from '../../bench/support/recorded-statements.ts'
import { migrate } from '../../src/database/migrate.ts'
import { findItemPage, type ItemPage } from '../../src/sql/stock/find-item-page.ts'
import { administer, withDatabase } from '../support/database-server.ts'
import { findExcess } from './plans/find-excess.ts'

// A database that sorts by a language: `_`, `-` and case count for less there than letters. An index of bytes is another order.

const ITEMS = 20_000
const name = `holdfast_language_${process.pid}`
const url = withDatabase(inject('templateUrl'), name)
let pool: pg.Pool
/** All SKUs, by bytes. */
let skus: string[]
let isMade = false

beforeAll(async () => {
  // a database has a language of its own by ICU from PostgreSQL 15 on
  await administer(
    url,
    `create database ${name} encoding 'UTF8' locale_provider icu icu_locale 'en' locale 'C' template template0`,
  )
  isMade = true
  await migrate(url)
  pool = new pg.Pool({ connectionString: url })
  const tricky = [
    'A',
    'a',
    'A-',
    'A_',
    'A.',
    'A-1',
    'A_1',
    'A.1',
    'A1',
    'a-1',
    'B',
    'AA',
    'Aa',
    'aA',
    'Z',
    'z',
    'zz',
    'Zz',
  ]
  await pool.query(
    'insert into items (sku, name, is_out) select sku, sku, false from unnest($1::text[]) as sku',
    [tricky],
  )
  await pool.query(`
    insert into items (sku, name, is_out)
    select sku, 'Item', false from (
      select 'SKU-' || (array['a', 'B', '_', '-', '.'])[n % 5 + 1] || n as sku from generate_series(1, ${ITEMS}) as n
    ) as many`)
  await pool.query('analyze items')
  const { rows } = await pool.query('select sku from items order by sku collate "C"')
  skus = rows.map(({ sku }) => sku)
})
afterAll(async () => {
  await pool?.end()
  if (isMade) await administer(url, `drop database ${name} with (force)`)
})

const pageOf = (page: Partial<ItemPage>): Promise<string[]> =>
  findItemPage(pool, {
    skuPrefix: null,
    isLow: null,
    isOut: null,
    isBackordered: null,
    cursor: null,
    direction: 'later',
    sizeMax: 20,
    ...page,
  })

test('the database sorts by another order than bytes', async () => {
  const { rows } = await pool.query('select sku from items order by sku')
  expect(rows.map(({ sku }) => sku)).not.toEqual(skus)
})

test.each([null, 'A', 'A-', 'A_', 'A.', 'a', 'Z', 'z', 'zz', 'SKU-', 'SKU-_', 'SKU-a1', 'none'])(
  'pages of the prefix %j come one behind the other, both ways',
  async (skuPrefix) => {
    const all = skus.filter((sku) => sku.startsWith(skuPrefix ?? ''))
    const sizeMax = all.length > 100 ? randomInt(300, 700) : randomInt(1, 4)
    for (const direction of ['later', 'earlier'] as const) {
      const read: string[] = []
      for (let cursor: string | null = null; ; ) {
        const page: string[] = await pageOf({ skuPrefix, direction, cursor, sizeMax, isOut: false })
        if (page.length === 0) break
        if (direction === 'later') read.push(...page)
        else read.unshift(...page)
        cursor = page.at(direction === 'later' ? -1 : 0)!
      }
      expect(read).toEqual(all)
    }
  },
)

test('a page deep in a long list of a prefix reads no more than the page', async () => {
  const cursor = skus.filter((sku) => sku.startsWith('SKU-'))[ITEMS / 2]!
  const statements = await recordStatements(pool, ({ text }) => text)
  for (const direction of ['later', 'earlier'] as const) {
    for (const from of [cursor, null]) await pageOf({ skuPrefix: 'SKU-', direction, cursor: from })
  }
  expect(statements.size).toBe(4)
  const client = await pool.connect()
  for (const statement of statements.values()) expect(await findExcess(statement, client)).toEqual([])
  client.release()
})
