import type pg from 'pg'
import { Gauge, type Registry } from 'prom-client'
import { INVARIANTS } from '../sql/find-breaches.ts'
import { findChecks } from '../sql/invariant-checks.ts'
import type { Logger } from './logger.ts'
import { readAtScrape } from './read-at-scrape.ts'

/**
 * Shows what the last check of each invariant has found, whichever process made it: each process shows the same. While the
 * database is away or slow, it shows what it last read.
 */
export function measureDrift(registry: Registry, pool: pg.Pool, logger: Logger): void {
  const registers = [registry]
  const drift = new Gauge({
    name: 'holdfast_reconcile_drift',
    help: 'Breaches of an invariant at its last check; anything but 0 is for people to look into',
    labelNames: ['invariant'],
    registers,
    collect: () => read(),
  })
  const lastSuccess = new Gauge({
    name: 'holdfast_reconcile_last_success_timestamp_seconds',
    help: 'Since when every invariant has been checked; 0 while one of them never was',
    registers,
    collect: () => read(),
  })

  const read = readAtScrape(logger, async () => {
    const checks = await findChecks(pool, INVARIANTS)
    for (const { invariant, breaches } of checks) drift.set({ invariant }, breaches)
    const times = checks.map((check) => check.finishedAt.getTime())
    lastSuccess.set(checks.length < INVARIANTS.length ? 0 : Math.min(...times) / 1_000)
  })
}
