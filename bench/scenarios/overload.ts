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
/** Of the load whose rate is called the capacity. Fixed, below the server's own limit of calls: none is refused. */
const CONNECTIONS = 200
/** Of the loads by callers who do not wait: enough that a request hardly ever waits for one. */
const OPEN_CONNECTIONS = 2_000
/** Of the capacity: what the server can take, sent as the overload is, so that the two differ by nothing but the rate. */
const BEARABLE_FACTOR = 0.8
const OVERLOAD_FACTOR = 2

const SHARE_ACCEPTED_MIN = 0.8
const LATENCY_FACTOR_MAX = 2
const RECOVERY_MIN = 0.9

type Latency = { p50: number; p99: number }
type Run = {
  capacity: { perSecond: number; latencyMs: Latency }
  bearable: OpenLoadResult
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
      figure('at capacity, closed loop, p50', 'ms', (run) => run.capacity.latencyMs.p50),
      figure('at capacity, closed loop, p99', 'ms', (run) => run.capacity.latencyMs.p99),
      ...(['p50', 'p99'] as const).flatMap((quantile) => [
        figure(
          `at ${BEARABLE_FACTOR} of it, ${quantile}`,
          'ms',
          ({ bearable }) => bearable.acceptedLatencyMs[quantile],
        ),
        figure(`accepted, ${quantile}`, 'ms', ({ overload }) => overload.acceptedLatencyMs[quantile]),
        figure(
          `accepted, ${quantile} / ${quantile} at ${BEARABLE_FACTOR} of the capacity`,
          '',
          ({ overload, bearable }) =>
            overload.acceptedLatencyMs[quantile] / bearable.acceptedLatencyMs[quantile],
          { kind: 'at-most', value: LATENCY_FACTOR_MAX },
        ),
      ]),
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
  const sendAt = (factor: number) =>
    putOpenLoad({
      ...load,
      connections: OPEN_CONNECTIONS,
      perSecond: factor * capacity.perSecond,
      refusalStatus: 503,
    })
  const bearable = await sendAt(BEARABLE_FACTOR)
  const overload = await sendAt(OVERLOAD_FACTOR)
  const rssGrowthMb = (await readRssMb(holdfast.pid, 'VmHWM')) - rssBefore
  const recovered = await putHttpLoad({ ...load, connections: CONNECTIONS })
  await assertCount(database, capacity.answered + bearable.accepted + overload.accepted + recovered.answered)
  return { capacity, bearable, overload, recovered, rssGrowthMb }
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
