import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseTimestamp } from '../../src/sql/parse-timestamp.ts'
import { createTestDatabase } from '../support/harness.ts'

const parseByPg: (text: string) => Date | number = pg.types.getTypeParser(pg.types.builtins.TIMESTAMPTZ)

const ZONES = [
  'UTC',
  'Europe/Zurich',
  'America/New_York',
  'America/St_Johns',
  'Asia/Kathmandu',
  'Africa/Monrovia',
]
const RARE = [
  'infinity',
  '-infinity',
  '0044-03-15 12:00:00+00 BC',
  '0001-01-01 00:00:00+00',
  '0099-12-31 23:59:59.999999+00',
  '0999-12-31 23:59:59.5+00',
  '10000-01-01 00:00:00+00',
  '275760-09-13 00:00:00+00',
  '1800-01-01 00:00:00+00:34:08',
  '2024-02-29 23:59:59.999999-03:30',
  '1000-01-01 00:00:00.1+00',
  '9999-12-31 23:59:59.999999+15:59',
]

let client: pg.Client
let drop: () => Promise<void>
beforeAll(async () => {
  const database = await createTestDatabase()
  drop = database.drop
  client = new pg.Client({ connectionString: database.databaseUrl })
  await client.connect()
})
afterAll(async () => {
  await client.end()
  await drop()
})

describe('a timestamp of PostgreSQL', () => {
  test.each(ZONES)('is parsed as by pg, and to the millisecond, in the time zone %s', async (zone) => {
    await client.query(`set time zone '${zone}'`)
    // every length of the fraction, as zeros at its end are not written
    const { rows } = await client.query<{ text: string; ms: string }>(
      `select at::text as text, floor(extract(epoch from at) * 1000)::bigint as ms
      from (
        select
          date_trunc('second', timestamptz '1000-01-02 UTC' + random() * interval '8998 years')
            + trunc((random() * 1e6)::numeric, -(turn % 7)) * interval '1 microsecond' as at
        from generate_series(1, 5000) as turn
      ) as moments`,
    )
    expect(rows).toHaveLength(5_000)
    for (const { text, ms } of rows) {
      const date = parseTimestamp(text) as Date
      expect([text, date.getTime()]).toEqual([text, Number(ms)])
      expect(date).toEqual(parseByPg(text))
    }
  })

  test.each(RARE)('is parsed as by pg: %s', (text) => {
    expect(parseTimestamp(text)).toEqual(parseByPg(text))
  })

  test('keeps each millisecond', () => {
    for (let ms = 0; ms < 1_000; ms++) {
      const fraction = String(ms).padStart(3, '0')
      expect(parseTimestamp(`2026-11-23 14:18:38.${fraction}999+00`)).toEqual(
        new Date(`2026-11-23T14:18:38.${fraction}Z`),
      )
    }
  })
})
