import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { decodeNotices, ORDER_CHANNEL } from '../../src/sql/orders/notify-watchers.ts'
import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { pickEvenly, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { isUsageKnown, readCpuMs } from '../support/process-usage.ts'
import { quantile } from '../support/quantile.ts'

/** The simulated supplier says "delayed" once of these, and then "ok". */
const SKU = 'SCARCE-LATE'
const ORDERS = 1_000
const ORDERS_QUICK = 100
const RECHECK_DELAY_MS = 3_000
/** From the moment at which all re-checks are scheduled to the one at which they are due. */
const LEAD_MS = 2_000
const WAIT_LIMIT_MS = 60_000

const IDLE_S = 20
const IDLE_QUICK_S = 5
/** A start compiles code and makes connections: that is not idling. */
const SETTLE_MS = 3_000

const LATENESS_P99_MAX_S = 0.5
const IDLE_CPU_MAX_PERCENT = 3

/** How late re-checks are that are due together, and what it costs to wait for them. */
export const scenario: Scenario = {
  name: 'recheck-lateness',
  description: 're-checks that are due with 1,000 others, and the cost of polling for them',
  run: async (context) => {
    const p50: number[] = []
    const p99: number[] = []
    const idle: IdleCpu[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      const latenessS = await measureLateness(context)
      p50.push(quantile(latenessS, 0.5))
      p99.push(quantile(latenessS, 0.99))
      if (await isUsageKnown()) idle.push(await measureIdle(context))
    }
    const together = `${(context.isQuick ? ORDERS_QUICK : ORDERS).toLocaleString('en')} re-checks due together`
    const figure = { kind: 'figure' as const }
    const figures: Figure[] = [
      { ...figure, title: `${together}, lateness p50`, unit: 's', values: p50, target: null },
      {
        ...figure,
        title: `${together}, lateness p99`,
        unit: 's',
        values: p99,
        target: { kind: 'at-most', value: LATENESS_P99_MAX_S, unit: 's' },
      },
      {
        ...figure,
        title: 'idle, the server',
        unit: '% of a core',
        values: idle.map((cpu) => cpu.server),
        target: { kind: 'at-most', value: IDLE_CPU_MAX_PERCENT, unit: '%' },
      },
      {
        ...figure,
        title: 'idle, its database connections',
        unit: '% of a core',
        values: idle.map((cpu) => cpu.backends),
        target: { kind: 'at-most', value: IDLE_CPU_MAX_PERCENT, unit: '%' },
      },
    ]
    // where the system does not tell what a process uses, nothing is said of it
    return figures.filter(({ values }) => values.length > 0)
  },
}

/** @returns for each order, how long after its re-check was due its reservation was committed, in seconds */
async function measureLateness(context: BenchContext): Promise<number[]> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU], 0)
  await using _holdfast = await startHoldfast({
    DATABASE_URL: database.url,
    SUPPLIER_RECHECK_DELAY_MS: String(RECHECK_DELAY_MS),
  })
  const count = context.isQuick ? ORDERS_QUICK : ORDERS
  await storeBacklog(database.client, pickEvenly([SKU], count))
  const isScheduled = `select count(*)::int as count from supplier_requests where rechecks = 1`
  await until(async () => (await database.client.query(isScheduled)).rows[0].count === count)
  return await awaitReservations(database, count)
}

async function awaitReservations({ url, client }: BenchDatabase, count: number): Promise<number[]> {
  const reservedAtMs: number[] = []
  const listener = new pg.Client({ connectionString: url })
  // a notification arrives once its transaction is committed
  listener.on('notification', ({ payload }) => {
    const at = Date.now()
    reservedAtMs.push(...decodeNotices(payload!).map(() => at))
  })
  await listener.connect()
  try {
    await listener.query(`listen ${ORDER_CHANNEL}`)
    const dueAtMs = await alignJobs(client)
    await until(() => reservedAtMs.length >= count)
    await assertNoBreaches({ client })
    return reservedAtMs.map((at) => (at - dueAtMs) / 1000)
  } finally {
    await listener.end()
  }
}

/** Makes all jobs due at the same moment. @returns that moment, in ms since 1970 */
async function alignJobs(client: pg.Client): Promise<number> {
  const { rows } = await client.query(
    `select extract(epoch from max(run_at)) * 1000 as "dueAtMs", count(*)
    from graphile_worker.reschedule_jobs(
      array(select id from graphile_worker.jobs), run_at := now() + $1::int * interval '1 ms'
    )`,
    [LEAD_MS],
  )
  return Number(rows[0].dueAtMs)
}

/** Processor time in % of one core. */
type IdleCpu = { server: number; backends: number }

async function measureIdle(context: BenchContext): Promise<IdleCpu> {
  await using database = await openDatabase(context)
  await using holdfast = await startHoldfast({ DATABASE_URL: database.url })
  await sleep(SETTLE_MS)
  const { rows } = await database.client.query<{ pid: number }>(
    `select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  const backends = rows.map((row) => row.pid)
  const elapsedMs = (context.isQuick ? IDLE_QUICK_S : IDLE_S) * 1000
  const before = [await readCpuMs([holdfast.pid]), await readCpuMs(backends)] as const
  await sleep(elapsedMs)
  const after = [await readCpuMs([holdfast.pid]), await readCpuMs(backends)] as const
  const percent = (index: 0 | 1) => ((after[index] - before[index]) / elapsedMs) * 100
  return { server: percent(0), backends: percent(1) }
}

async function until(check: () => Promise<boolean> | boolean): Promise<void> {
  const startedAt = performance.now()
  while (!(await check())) {
    if (performance.now() - startedAt > WAIT_LIMIT_MS) throw new Error(`Not so after ${WAIT_LIMIT_MS} ms`)
    await sleep(20)
  }
}
