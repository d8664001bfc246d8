import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createTestApp, seed, type TestApp } from '../../../support/harness.ts'
import fc from '../../../support/properties.ts'
import { serveRest } from '../serve-rest.ts'

// Whatever is sent as a file, it ends no process and makes no stock of nothing: what there is is what the rows that were not
// refused say, and the ledger has one movement for each that changed something. Invariants are checked behind it.

const SKUS = ['A', 'B', '-C']
const LOCATIONS = ['MAIN', 'EAST']

let server: TestApp
let http: FastifyInstance
beforeAll(async () => {
  server = await createTestApp()
  http = await serveRest(server.app)
  await seed(server.app).location('EAST')
  for (const sku of SKUS) await seed(server.app).item({ sku, available: 5 })
})
afterAll(async () => {
  await http.close()
  await server.close()
})

const send = (payload: string | Buffer) =>
  http.inject({
    method: 'POST',
    url: '/api/inventory/import',
    headers: { 'content-type': 'text/csv' },
    payload,
  })

type Levels = Record<string, bigint>

async function readState(): Promise<{ levels: Levels; movements: number }> {
  const { rows } = await server.app.pool.query<{ level: string; available: string }>(
    `select sku || ' ' || location as level, available from stock_levels where available > 0`,
  )
  const levels = Object.fromEntries(rows.map(({ level, available }) => [level, BigInt(available)]))
  return { levels, movements: await server.app.prisma.inventoryMovement.count() }
}

const junk = fc.string({ unit: fc.constantFrom(...'a1,"\r\n;=\'\t '), maxLength: 8 })
const number = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: -6, max: 9 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('', '+3', '1.0', '1e3', 'x', '9007199254740992', '2147483647') },
)
const row = fc.record({
  sku: fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...SKUS) }, fc.constantFrom('NONE', '', "'-C"), junk),
  location: fc.oneof({ weight: 8, arbitrary: fc.constantFrom('', ...LOCATIONS) }, fc.constant('WEST'), junk),
  number,
  reason: fc.oneof(
    fc.constant(''),
    fc.string({ maxLength: 9 }).map((text) => text.toWellFormed()),
  ),
})
type Row = typeof row extends fc.Arbitrary<infer Value> ? Value : never

/** A row without any text is none. */
const isEmpty = (row: Row) => Object.values(row).every((cell) => cell.trim() === '')

const quoted = (cell: string) => `"${cell.replaceAll('"', '""')}"`

function fileOf(kind: 'delta' | 'counted', rows: readonly Row[]): string {
  const lines = rows.map(({ sku, location, number, reason }) =>
    [sku, location, number, reason].map(quoted).join(','),
  )
  return [`sku,location,${kind},reason`, ...lines, ''].join('\r\n')
}

/** What accepted rows leave, one after the other. `lines`: of rows whose cells have line breaks each row has several. */
function follow(
  levels: Levels,
  kind: 'delta' | 'counted',
  rows: readonly Row[],
  isRefused: (index: number) => boolean,
) {
  const after = { ...levels }
  let moved = 0
  for (const [index, { sku, location, number }] of rows.entries()) {
    if (isRefused(index) || isEmpty(rows[index]!) || (kind === 'counted' && number.trim() === '')) continue
    const key = `${sku.trim().replace(/^'-/, '-')} ${location.trim() || 'MAIN'}`
    const before = after[key] ?? 0n
    const next = kind === 'delta' ? before + BigInt(number.replace('+', '')) : BigInt(number)
    if (next !== before) moved++
    after[key] = next
  }
  return { levels: Object.fromEntries(Object.entries(after).filter(([, qty]) => qty > 0n)), moved }
}

/** The line on which each row begins: cells may have line breaks. */
function linesOf(rows: readonly Row[]): number[] {
  let line = 2
  return rows.map(({ sku, location, number, reason }) => {
    const own = line
    line += 1 + [sku, location, number, reason].join('').split('\n').length - 1
    return own
  })
}

test('rows that are refused change nothing, and the others what they say', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('delta' as const, 'counted' as const),
      fc.array(row, { minLength: 1, maxLength: 12 }),
      async (kind, rows) => {
        const before = await readState()
        const answer = await send(fileOf(kind, rows))
        const report = answer.json()
        expect(answer.statusCode).toBe(200)
        if (report.repeated) return
        const refused = new Set(report.refused_rows.map(({ line }: { line: number }) => line))
        const lines = linesOf(rows)
        const expected = follow(before.levels, kind, rows, (index) => refused.has(lines[index]!))
        const after = await readState()
        expect(after.levels).toEqual(expected.levels)
        expect(after.movements - before.movements).toBe(expected.moved)
        expect(report.changed).toBe(expected.moved)
        expect(report.rows).toBe(rows.filter((row) => !isEmpty(row)).length)
        expect(report.rows).toBe(report.changed + report.unchanged + report.skipped + report.refused)
      },
    ),
    { numRuns: 150 },
  )
}, 300_000)

test('bytes that are no file of stock change nothing', async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
    junk.map((text) => Buffer.from(text)),
    fc.tuple(junk, junk).map(([head, tail]) => Buffer.from(`sku,delta${head}\nA,1${tail}"\n`)),
  )
  await fc.assert(
    fc.asyncProperty(bytes, async (file) => {
      const before = await readState()
      const { statusCode } = await send(file)
      expect(statusCode).toBeOneOf([200, 400, 422])
      if (statusCode !== 200) expect(await readState()).toEqual(before)
    }),
    { numRuns: 200 },
  )
}, 300_000)

test('an untouched count sheet changes nothing', async () => {
  const before = await readState()
  const { payload } = await http.inject('/api/inventory/export')
  const report = (await send(payload)).json()
  expect(report).toMatchObject({
    complete: true,
    changed: 0,
    refused: 0,
    skipped: payload.trim().split('\r\n').length - 1,
  })
  expect(await readState()).toEqual(before)
})
