import { assertAllowed } from '../../domain/authorisation.ts'
import type { Caller } from '../../domain/caller.ts'
import { INVARIANTS } from '../../sql/upkeep/find-breaches.ts'
import { findChecks } from '../../sql/upkeep/invariant-checks.ts'
import type { ReadContext } from '../context.ts'

/** An invariant with its last check that came to an end; nulls if there was none. */
export type InvariantCheck = { invariant: string; checkedAt: Date | null; breaches: number | null }

/**
 * Lists every invariant with what its last check found. It checks nothing itself.
 *
 * @throws {CallError} FORBIDDEN for all but operators
 */
export async function listInvariantChecks({ pool }: ReadContext, caller: Caller): Promise<InvariantCheck[]> {
  assertAllowed(caller, 'readStatus')
  const checks = new Map((await findChecks(pool, INVARIANTS)).map((check) => [check.invariant, check]))
  return INVARIANTS.map((invariant) => {
    const { finishedAt = null, breaches = null } = checks.get(invariant) ?? {}
    return { invariant, checkedAt: finishedAt, breaches }
  })
}
