import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchContext, Comparison, Scenario } from '../scenario.ts'
import { median } from '../statistics.ts'
import { storeItems } from '../support/backlog.ts'
import { measureCommitMs, measurePacedCommitMs } from '../support/commit-time.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { connectWatcher, createOrder } from '../support/graphql-client.ts'
import { startHoldfast } from '../support/holdfast.ts'
import { quantile } from '../support/quantile.ts'

const SKU = 'WIDGET'
const ORDERS_PER_SECOND = 50
const DURATION_S = 20
const DURATION_QUICK_S = 3
/** Not counted: code is compiled and plans are made meanwhile. */
const WARM_UP_S = 2
const LATENCY_LIMIT_MS = 10_000

const P50_COMMITS_MAX = 10
const P99_COMMITS_MAX = 50

type Run = { commitMs: number; pacedCommitMs: number; fromAnswer: number[]; fromRequest: number[] }

/** How soon a customer who watches sees that the order is reserved, in commits of the same disk. */
export const scenario: Scenario = {
  name: 'watch-latency',
  description: `order created to RESERVED seen by its watcher, ${ORDERS_PER_SECOND} orders a second`,
  run: async (context) => {
    const runs: Run[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) runs.push(await measure(context))

    const line = (
      title: string,
      of: (run: Run) => number,
      commitsMax: number | null = null,
      [against, commitOf]: [string, (run: Run) => number] = ['a commit of one row', (run) => run.commitMs],
    ): Comparison => ({
      kind: 'comparison',
      title: `${title}, ${ORDERS_PER_SECOND} orders/s`,
      against,
      unit: 'ms',
      holdfast: runs.map(of),
      baseline: runs.map(commitOf),
      target: commitsMax === null ? null : { kind: 'at-most', value: commitsMax },
    })
    const watched = 'order created → RESERVED watched'
    const paced: [string, (run: Run) => number] = [
      `a commit of one row, ${ORDERS_PER_SECOND} of them a second`,
      (run) => run.pacedCommitMs,
    ]
    return [
      line(`${watched}, p50`, (run) => quantile(run.fromAnswer, 0.5), P50_COMMITS_MAX),
      line(`${watched}, p99`, (run) => quantile(run.fromAnswer, 0.99), P99_COMMITS_MAX),
      line(`${watched}, p50`, (run) => quantile(run.fromAnswer, 0.5), null, paced),
      line(`${watched}, p99`, (run) => quantile(run.fromAnswer, 0.99), null, paced),
      line('the same from the sending of createOrder, p50', (run) => quantile(run.fromRequest, 0.5)),
      line('the same from the sending of createOrder, p99', (run) => quantile(run.fromRequest, 0.99)),
    ]
  },
}

async function measure(context: BenchContext): Promise<Run> {
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  const before = await measureCommits(database)
  const latencies = await orderAndWatch(context, database.url)
  const after = await measureCommits(database)
  await assertNoBreaches(database)
  return {
    commitMs: median([before.hot, after.hot]),
    pacedCommitMs: median([before.paced, after.paced]),
    ...latencies,
  }
}

async function measureCommits(database: BenchDatabase) {
  return {
    hot: await measureCommitMs(database),
    paced: await measurePacedCommitMs(database, ORDERS_PER_SECOND),
  }
}

async function orderAndWatch(context: BenchContext, databaseUrl: string) {
  await using holdfast = await startHoldfast({ DATABASE_URL: databaseUrl })
  const watcher = connectWatcher(holdfast.url)
  const durationS = WARM_UP_S + (context.isQuick ? DURATION_QUICK_S : DURATION_S)
  const orders: Promise<{ fromAnswer: number; fromRequest: number }>[] = []
  const startedAt = performance.now()
  try {
    for (let count = 0; count < durationS * ORDERS_PER_SECOND; count++) {
      // at a steady rate whatever is still under way: a slow answer holds nobody back
      await sleep(Math.max(0, startedAt + (count * 1000) / ORDERS_PER_SECOND - performance.now()))
      orders.push(orderAndAwait(holdfast.url, watcher))
    }
    const measured = (await Promise.all(orders)).slice(WARM_UP_S * ORDERS_PER_SECOND)
    return {
      fromAnswer: measured.map((order) => order.fromAnswer),
      fromRequest: measured.map((order) => order.fromRequest),
    }
  } finally {
    await watcher.close()
  }
}

async function orderAndAwait(url: string, { watch }: ReturnType<typeof connectWatcher>) {
  const requestedAt = performance.now()
  const id = await createOrder(url, SKU)
  const answeredAt = performance.now()
  await new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`Order ${id} is not reserved in time`)), LATENCY_LIMIT_MS)
    const leave = watch(
      id,
      ({ status }) => {
        if (status !== 'RESERVED') return
        clearTimeout(late)
        resolve()
        leave()
      },
      reject,
    )
  })
  const seenAt = performance.now()
  return { fromAnswer: seenAt - answeredAt, fromRequest: seenAt - requestedAt }
}
