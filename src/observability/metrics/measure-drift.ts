import type pg from 'pg'
import { INVARIANTS } from '../../sql/upkeep/find-breaches.ts'
import { findChecks } from '../../sql/upkeep/invariant-checks.ts'
import type { DatabaseFigures } from './database-figures.ts'

/** Shows the result of each invariant's last check, by whichever process. Every process shows the same. */
export function measureDrift(figures: DatabaseFigures, pool: pg.Pool): void {
  const gauge = figures.group(
    'invariants',
    () => findChecks(pool, INVARIANTS),
    (checks) => {
      for (const { invariant, breaches } of checks) drift.set({ invariant }, breaches)
      const times = checks.map((check) => check.finishedAt.getTime())
      lastSuccess.set(checks.length < INVARIANTS.length ? 0 : Math.min(...times) / 1_000)
    },
  )
  const drift = gauge(
    'holdfast_reconcile_drift',
    'Breaches of an invariant at its last check. Anything but 0 needs an operator',
    ['invariant'],
  )
  const lastSuccess = gauge(
    'holdfast_reconcile_last_success_timestamp_seconds',
    'Time of the least recent check of any invariant. 0 while one was never checked',
  )
}
