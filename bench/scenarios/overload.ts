import { readFile } from 'node:fs/promises'
import { putHttpLoad } from '../http-load.ts'
import { type OpenLoadResult, putOpenLoad } from '../open-load.ts'
import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { storeItems } from '../support/backlog.ts'
import { createOrderLoad } from '../support/create-order-load.ts'
import { type BenchDatabase, openDatabase } from '../support/database.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { takeTurns } from '../take-turns.ts'

const SKU = 'WIDGET'
/**
 * Of the load whose rate is called the capacity, and whose latency is held against that of the overload. Fixed, below
 * the server's own limit of calls: tied to that, a higher limit made for a longer latency here, and so for a better ratio.
 */
const CONNECTIONS = 200
/** Of the overload: enough that a request hardly ever waits for one. */
const OVERLOAD_CONNECTIONS = 2_000
const OVERLOAD_FACTOR = 2

const SHARE_ACCEPTED_MIN = 0.8
const LATENCY_FACTOR_MAX = 2
const RECOVERY_MIN = 0.9

type Latency = { p50: number; p99: number }
type Run = {
  capacity: { perSecond: number; latencyMs: Latency }
  overload: OpenLoadResult
  recovered: { perSecond: number }
  rssGrowthMb: number
}

/** Orders come in at twice the rate that the server has just shown to take, from callers who do not wait. */
export const scenario: Scenario = {
  name: 'overload',
  description:
    'orders at twice the rate that the server takes: what it accepts, how fast, and what it refuses',
  run: async (context) => {
    const { runs } = await takeTurns(context, { runs: () => measure(context) })
    const figure = (
      title: string,
      unit: string,
      of: (run: Run) => number,
      target?: Figure['target'],
    ): Figure => ({
      kind: 'figure',
      title: `orders at twice the capacity: ${title}`,
      unit,
      values: runs.map(of),
      target: target ?? null,
    })
    return [
      figure('capacity, closed loop', 'orders/s', (run) => run.capacity.perSecond),
      figure('accepted / capacity', '', (run) => run.overload.acceptedPerSecond / run.capacity.perSecond, {
        kind: 'at-least',
        value: SHARE_ACCEPTED_MIN,
      }),
      figure(
        'refused / sent',
        '',
        ({ overload: { acceptedPerSecond, refusedPerSecond } }) =>
          refusedPerSecond / (acceptedPerSecond + refusedPerSecond),
      ),
      figure('at capacity, p50', 'ms', (run) => run.capacity.latencyMs.p50),
      figure('at capacity, p99', 'ms', (run) => run.capacity.latencyMs.p99),
      figure('accepted, p50', 'ms', (run) => run.overload.acceptedLatencyMs.p50),
      figure('accepted, p99', 'ms', (run) => run.overload.acceptedLatencyMs.p99),
      figure(
        'accepted, p99 / p99 at capacity',
        '',
        (run) => run.overload.acceptedLatencyMs.p99 / run.capacity.latencyMs.p99,
        {
          kind: 'at-most',
          value: LATENCY_FACTOR_MAX,
        },
      ),
      figure('refused, p99', 'ms', (run) => run.overload.refusedLatencyMs.p99),
      figure('growth of memory, most', 'MB', (run) => run.rssGrowthMb),
      figure('afterwards / capacity', '', (run) => run.recovered.perSecond / run.capacity.perSecond, {
        kind: 'at-least',
        value: RECOVERY_MIN,
      }),
    ]
  },
}

async function measure(context: BenchContext): Promise<Run> {
  const durationS = context.isQuick ? 4 : 10
  const warmUpS = 2
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  await using holdfast = await startHoldfast({ DATABASE_URL: database.url, ROLE: 'api' })
  const load = { ...createOrderLoad(SKU), url: holdfast.url, durationS, warmUpS }
  const capacity = await putHttpLoad({ ...load, connections: CONNECTIONS })
  const rssBefore = await readRssMb(holdfast.pid)
  const overload = await putOpenLoad({
    ...load,
    connections: OVERLOAD_CONNECTIONS,
    perSecond: OVERLOAD_FACTOR * capacity.perSecond,
    refusalStatus: 503,
  })
  const rssGrowthMb = (await readRssMb(holdfast.pid, 'VmHWM')) - rssBefore
  const recovered = await putHttpLoad({ ...load, connections: CONNECTIONS })
  await assertCount(database, capacity.answered + overload.accepted + recovered.answered)
  return { capacity, overload, recovered, rssGrowthMb }
}

/** What a process holds in main memory, or the most that it ever held. */
async function readRssMb(pid: number, field: 'VmRSS' | 'VmHWM' = 'VmRSS'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return Number(new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)?.[1] ?? Number.NaN) / 1024
}

/** @throws when not just what was acknowledged is there: a refusal leaves nothing */
async function assertCount({ client }: BenchDatabase, acknowledged: number): Promise<void> {
  const { rows } = await client.query('select count(*)::int as orders from orders')
  if (rows[0].orders !== acknowledged)
    throw new Error(`${acknowledged} acknowledged, ${rows[0].orders} there`)
}
