import { expect } from 'vitest'
import { sweep } from '../../../../src/use-cases/upkeep/sweep.ts'
import { test } from '../../../support/fixtures.ts'

test('an import is forgotten after 30 days, with what it refused', async ({ app }) => {
  for (const [id, days] of [
    [1, 29],
    [2, 31],
  ]) {
    await app.pool.query(
      `insert into imports (id, caller, key, fingerprint, next_line, rows_read, refused, created_at)
      values ($1::int, '', $1::text, 'x', 3, 1, 1, now() - $2::int * interval '1 day')`,
      [id, days],
    )
    await app.pool.query(`insert into import_refusals values ($1, 2, 'A', 'UNKNOWN_SKU', 'x')`, [id])
  }
  const { failures } = await sweep(app)
  expect(failures).toEqual([])
  expect(await app.prisma.import.findMany({ select: { id: true } })).toEqual([{ id: 1n }])
  expect(await app.prisma.importRefusal.findMany({ select: { importId: true } })).toEqual([{ importId: 1n }])
})
