import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { setStockRules } from '../../src/use-cases/stock/set-stock-rules.ts'
import type { ImportFile } from '../../src/use-cases/stock/sheets/import-chunks.ts'
import { importInventory } from '../../src/use-cases/stock/sheets/import-inventory.ts'
import { readColumns } from '../../src/use-cases/stock/sheets/import-row.ts'
import { adjustInventories } from '../../src/use-cases/stock/verbs/adjust-inventories.ts'
import { command } from './command.ts'
import { LOCATIONS, SKUS } from './inputs.ts'
import { levelKey } from './model-data.ts'
import { findMovementId } from './read-state.ts'
import type { Real } from './real.ts'
import { adjustLevel, keep } from './stock-keeping.ts'
import type { StockModel } from './stock-model.ts'

// Many changes of stock in one call, by rows.

const sku = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...SKUS) },
  { weight: 1, arbitrary: fc.constant('NONE') },
)
const location = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('MAIN', ...LOCATIONS) },
  { weight: 1, arbitrary: fc.constant('NOWHERE') },
)

/** `off`: how far the expected quantity is from what is there before the call; null where none is expected. */
const delta = fc.record({
  sku,
  location,
  delta: fc.integer({ min: -8, max: 8 }),
  off: fc.constantFrom(null, null, null, 0, 1),
})
type Delta = typeof delta extends fc.Arbitrary<infer Row> ? Row : never
const deltas = fc.array(delta, { minLength: 1, maxLength: 5 })

/** `counted`: null where nobody counted. `asOf`: the n-th movement of the level before the call; null for now. */
const count = fc.record({
  sku,
  location,
  counted: fc.option(fc.integer({ min: 0, max: 10 }), { freq: 6 }),
  asOf: fc.oneof(fc.constant(null), fc.nat(8)),
})
type Count = typeof count extends fc.Arbitrary<infer Row> ? Row : never

/** Deltas with the quantities that their callers expect. */
function expecting(model: StockModel, rows: readonly Delta[]) {
  return rows.map(({ off, ...row }) => {
    const { available } = model.level(row.sku, row.location)
    return { ...row, expectedAvailable: off === null ? null : Math.max(0, available + off) }
  })
}

const numberOf = (value: bigint | null | undefined) => (value == null ? null : Number(value))

export const adjustMany = command(
  'adjustInventories',
  fc.record({ deltas, maySkip: fc.boolean() }),
  async (model, real, { deltas, maySkip }) => {
    const rows = expecting(model, deltas)
    const request = {
      changes: rows.map((row) => ({
        ...row,
        expectedAvailable: row.expectedAvailable === null ? null : BigInt(row.expectedAvailable),
      })),
      reason: 'counted',
      errorPolicy: maySkip ? 'SKIP_FAILED' : 'ALL_OR_NOTHING',
    } as const
    const call = async (dryRun: boolean) => {
      const answer = await adjustInventories(real.first, LOCAL_OPERATOR, { ...request, dryRun })
      const results = answer.results.map(({ before, after, userErrors: [error] }) => ({
        before: numberOf(before),
        after: numberOf(after),
        error: error?.code ?? null,
      }))
      return { results, changed: answer.changed, refused: answer.refused }
    }
    const dry = await call(true)
    const done = await call(false)
    expect(done).toEqual(adjustAll(model, rows, maySkip))
    expect(dry).toEqual(done)
  },
)

/** Does to the model what a call with several deltas does. */
function adjustAll(model: StockModel, rows: ReturnType<typeof expecting>, maySkip: boolean) {
  const next = model.copy()
  const tried = rows.map((row) => {
    const { available } = next.level(row.sku, row.location)
    const adjusted = adjustLevel(next, row)
    const error = 'refused' in adjusted ? adjusted.refused : null
    const isKnown = error === null || ['STALE_EXPECTATION', 'INSUFFICIENT_STOCK'].includes(error)
    return { before: isKnown ? available : null, after: error ? null : available + row.delta, error }
  })
  const refused = tried.filter(({ error }) => error).length
  const isMade = maySkip || refused === 0
  if (isMade) model.become(next)
  const results = isMade ? tried : tried.map((one) => ({ ...one, after: null }))
  return { results, changed: isMade ? rows.length - refused : 0, refused }
}

const sheet = fc.oneof(
  fc.record({ kind: fc.constant('delta' as const), rows: deltas }),
  fc.record({ kind: fc.constant('counted' as const), rows: fc.array(count, { minLength: 1, maxLength: 5 }) }),
)

/** A file is tried out, imported, and sent again. */
export const importSheet = command(
  'importInventory',
  fc.record({ sheet, isAgain: fc.boolean() }),
  async (model, real, { sheet, isAgain }) => {
    const rows = sheet.kind === 'delta' ? expecting(model, sheet.rows) : asOfBefore(model, sheet.rows)
    const file = await fileOf(real, rows)
    const dry = await importOnce(real, file, true)
    const done = await importOnce(real, file, false)
    expect({ ...dry, dryRun: false }).toEqual(done)
    const codes = rows.map((row) => applyRow(model, row))
    const countOf = (what: string) => codes.filter((code) => code === what).length
    const counts = {
      changed: countOf('changed'),
      unchanged: countOf('unchanged'),
      skipped: countOf('skipped'),
    }
    const refused = rows.length - counts.changed - counts.unchanged - counts.skipped
    expect(done).toMatchObject({ ...counts, rowsRead: rows.length, refused, repeated: false, nextLine: null })
    expect(done.refusals.map(({ line, code }) => [line, code])).toEqual(
      codes.flatMap((code, index) => (RESULTS.includes(code) ? [] : [[index + 2, code]])),
    )
    if (isAgain) expect(await importOnce(real, file, false)).toEqual({ ...done, repeated: true })
  },
)

const RESULTS = ['changed', 'unchanged', 'skipped']

/** A movement that is not there yet stays one that is not, also once the rows before have moved stock. */
function asOfBefore(model: StockModel, rows: readonly Count[]) {
  return rows.map((row) => {
    const there = model.ledger.filter(({ sku, location }) => sku === row.sku && location === row.location)
    return { ...row, asOf: row.asOf !== null && row.asOf > there.length ? Number.MAX_SAFE_INTEGER : row.asOf }
  })
}

type Row = ReturnType<typeof expecting>[number] | Count

async function fileOf({ first }: Real, rows: readonly Row[]): Promise<ImportFile> {
  const isCount = 'counted' in rows[0]!
  const names = isCount
    ? ['sku', 'location', 'counted', 'as_of']
    : ['sku', 'location', 'delta', 'expected_available']
  const columns = readColumns(names)
  if (typeof columns === 'string') throw new Error(columns)
  const cells = await Promise.all(
    rows.map(async (row) => {
      if (!('counted' in row))
        return [row.sku, row.location, `${row.delta}`, `${row.expectedAvailable ?? ''}`]
      if (row.counted === null) return [row.sku, row.location]
      const asOf = row.asOf === null ? '' : await findMovementId(first.pool, row.sku, row.location, row.asOf)
      return [row.sku, row.location, `${row.counted}`, asOf]
    }),
  )
  return {
    // no two files of a run are the same
    fingerprint: randomUUID(),
    columns,
    async *rows() {
      for (const [index, row] of cells.entries()) yield { line: index + 2, cells: row }
    },
  }
}

async function importOnce({ first }: Real, file: ImportFile, dryRun: boolean) {
  const how = { idempotencyKey: null, signal: new AbortController().signal, onProgress: () => {} }
  const { report } = await importInventory(first, LOCAL_OPERATOR, file, { ...how, dryRun })
  const { rowsRead, changed, unchanged, skipped, refused, refusals, repeated, nextLine } = report!
  return {
    dryRun: report!.dryRun,
    rowsRead,
    changed,
    unchanged,
    skipped,
    refused,
    refusals,
    repeated,
    nextLine,
  }
}

/** Does to the model what one row does: the rows of a file are calls that follow one another. @returns its result, or the code of its refusal */
function applyRow(model: StockModel, row: Row): string {
  if (!('counted' in row)) {
    const adjusted = adjustLevel(model, row)
    return 'refused' in adjusted ? adjusted.refused : 'changed'
  }
  const { sku, location, counted, asOf } = row
  if (counted === null) return 'skipped'
  const kept = keep(model, {
    verb: 'countInventory',
    location,
    counts: [{ sku, counted, asOf }],
    ...{ mayUnreserve: false, maySkip: true, isDry: false },
    ...{ caller: LOCAL_OPERATOR.id, idempotencyKey: null },
  })
  if (!('counts' in kept)) throw new Error('a count gave no result')
  const { before, after, error } = kept.counts[0]!
  return error ?? (after === before ? 'unchanged' : 'changed')
}

export const setSafety = command(
  'setStockRules',
  fc.record({ sku, location, safetyStock: fc.constantFrom(0, 0, 1, 3, null) }),
  async (model, real, { sku, location, safetyStock }) => {
    const request = { sku, location, safetyStock: safetyStock === null ? null : BigInt(safetyStock) }
    const { userErrors } = await setStockRules(real.second, LOCAL_OPERATOR, request)
    const unknown = model.locations.has(location) ? null : 'UNKNOWN_LOCATION'
    const refusal = model.items.includes(sku) ? unknown : 'UNKNOWN_SKU'
    expect(userErrors[0]?.code ?? null).toBe(refusal)
    if (refusal === null) model.safety.set(levelKey(sku, location), safetyStock ?? 0)
  },
)
