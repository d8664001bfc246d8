import { expect, test } from 'vitest'
import type { Remains, SmallRun } from './small-run.ts'

/** A fault in the database, the statements that plant it, and the check that has to find it. */
export type DatabaseFault = [name: string, statements: () => string, check: string]

/** A fault in what clients and the supplier saw, what plants it, and the check that has to find it. */
export type RemainsFault = [name: string, spoil: (remains: Remains) => unknown, check: string]

/** Tests that each fault is found once it is in the database. */
export function testFindsInDatabase(run: SmallRun, faults: readonly DatabaseFault[]): void {
  test.each(faults)('%s', async (_name, statements, check) => {
    expect(await run.check(run.remember(), statements())).toContain(check)
  })
}

/** Tests that each fault is found once it is in what clients and the supplier saw. */
export function testFindsInRemains(run: SmallRun, faults: readonly RemainsFault[]): void {
  test.each(faults)('%s', async (_name, spoil, check) => {
    const remains = run.remember()
    spoil(remains)
    expect(await run.check(remains)).toContain(check)
  })
}

/** Returns statements that make the first movement of this reason a second time, as if it followed from itself. */
export function repeatMovement(reason: string): string {
  return `insert into inventory_movements
    (sku, location, type, delta, reserved_delta, available_after, reserved_after, reason, reference, created_at, xid)
  select sku, location, type, delta, 0, available_after + delta, reserved_after, reason, reference, created_at, '1'
  from inventory_movements where reason = '${reason}' order by id limit 1`
}
