import { describe, expect, vi } from 'vitest'
import { allowFullRead, findBreaches, INVARIANTS } from '../../../src/sql/upkeep/find-breaches.ts'
import { checkNextInvariant } from '../../../src/use-cases/upkeep/check-invariants.ts'
import { test } from '../../support/fixtures.ts'
import { eventually, joinTestApp, seed, startTestWorker, type TestApp } from '../../support/harness.ts'

const HOUR_MS = 3_600_000
const AVAILABLE = 'available is the sum of the movements'

test.beforeEach(async ({ app }) => {
  await seed(app).item({ sku: 'A', available: 5 })
})

function putOff(testApp: TestApp) {
  testApp.allowBreaches('the check is there to find one', AVAILABLE)
  return testApp.app.pool.query(`update stock_levels set available = available + 3`)
}

describe('the check that runs by itself', () => {
  test('looks at each invariant once an interval, by one of several processes', async ({ app, testApp }) => {
    const other = await joinTestApp(testApp)
    const looks = await Promise.all(
      Array.from({ length: 2 * INVARIANTS.length }, (_, turn) =>
        checkNextInvariant(turn % 2 === 0 ? app : other.app, HOUR_MS),
      ),
    )
    // of two that are after the same one at the same moment, one goes away with nothing, and comes again later
    const next = () => checkNextInvariant(app, HOUR_MS)
    const names = looks.flatMap((look) => look?.invariant ?? [])
    expect(new Set(names).size).toBe(names.length)
    for (let look = await next(); look; look = await next()) names.push(look.invariant)
    expect(names.toSorted()).toEqual([...INVARIANTS].toSorted())
    expect(await checkNextInvariant(other.app, HOUR_MS)).toBeNull()
    await app.pool.query(
      `update invariant_checks set started_at = now() - interval '61 minutes' where invariant = $1`,
      [AVAILABLE],
    )
    expect(await checkNextInvariant(other.app, HOUR_MS)).toEqual({ invariant: AVAILABLE, breaches: [] })
    await other.close()
  })

  test('says what it found in the log and in the metrics of every process, and mends nothing', async ({
    app,
    testApp,
  }) => {
    const other = await joinTestApp(testApp)
    const error = vi.spyOn(app.logger, 'error')
    await putOff(testApp)
    for (const _ of INVARIANTS) await checkNextInvariant(app, HOUR_MS)
    expect(error.mock.calls).toEqual([
      [
        {
          invariant: AVAILABLE,
          breaches: 1,
          examples: [
            {
              subject: 'A',
              detail: 'available 8, ledger 5',
              cause: 'the counter was changed by +3 without a movement',
            },
          ],
        },
        'invariant broken',
      ],
    ])
    const text = await other.app.metrics.metrics()
    expect(text).toContain(`holdfast_reconcile_drift{invariant="${AVAILABLE}"} 1`)
    expect(text).toContain(`holdfast_reconcile_drift{invariant="reserved is the sum of the movements"} 0`)
    const [, seconds] = /^holdfast_reconcile_last_success_timestamp_seconds ([\d.]+)$/m.exec(text)!
    expect(Math.abs(Number(seconds) - Date.now() / 1_000)).toBeLessThan(60)
    expect(await findBreaches(app.pool)).toHaveLength(1)
    await other.close()
  })

  test('is run by a worker, round after round', async ({ app, testApp }) => {
    const worker = await startTestWorker(testApp, { reconcileIntervalMs: 500 })
    const found = (count: number) =>
      eventually(async () => {
        const check = await app.prisma.invariantCheck.findUnique({ where: { invariant: AVAILABLE } })
        return check?.breaches === count
      })
    await found(0)
    await putOff(testApp)
    await found(1)
    await worker.stop()
  })

  test('never was a success while it fails, and what fails is not tried again at once', async ({ app }) => {
    await app.pool.query('alter table idempotency_keys rename to elsewhere')
    const failures: unknown[] = []
    for (const _ of INVARIANTS) await checkNextInvariant(app, HOUR_MS).catch((error) => failures.push(error))
    expect(failures.length).toBeGreaterThan(0)
    expect(await checkNextInvariant(app, HOUR_MS)).toBeNull()
    expect(await app.metrics.metrics()).toContain('holdfast_reconcile_last_success_timestamp_seconds 0')
    await app.pool.query('alter table elsewhere rename to idempotency_keys')
  })

  test('does not hold up a worker that stops', async ({ app, testApp }) => {
    const client = await app.pool.connect()
    const worker = await startTestWorker(testApp, { reconcileIntervalMs: 100 })
    // every look at stock waits from now on
    await client.query('begin; lock table stock_levels in access exclusive mode')
    await eventually(async () => {
      const { rowCount } = await client.query(
        `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      )
      return rowCount
    })
    const startedAtMs = performance.now()
    await worker.stop()
    // far from the time that a check may take
    expect(performance.now() - startedAtMs).toBeLessThan(10_000)
    await client.query('rollback')
    client.release()
  })
})

test('a transaction that reads tables whole can write nothing', async ({ app }) => {
  const client = await app.pool.connect()
  await client.query('begin')
  await allowFullRead(client)
  await expect(client.query('delete from orders')).rejects.toMatchObject({ code: '25006' })
  await client.query('rollback')
  client.release()
})
