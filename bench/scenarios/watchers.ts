import { setTimeout as sleep } from 'node:timers/promises'
import { reserveInventory } from '../../src/use-cases/orders/reserve-inventory.ts'
import type { BenchContext, Figure, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { pickEvenly, storeBacklog, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, openDatabase } from '../support/database.ts'
import { startHoldfastWithMemory } from '../support/holdfast.ts'
import { quantile } from '../support/quantile.ts'
import { openWatchers, type Watchers } from '../support/watchers.ts'

const SKU = 'WIDGET'
const WATCHERS = 10_000
const WATCHERS_QUICK = 500
/** Watchers that come and go before memory is first read: what all share is there by then. */
const WARM_UP_WATCHERS = 100
const CHANGES_PER_SECOND = 500
const BATCH_SIZE = 25
/** After the last change, before what did not arrive counts as lost. */
const ARRIVAL_LIMIT_MS = 10_000

const P99_MAX_MS = 250
const MEMORY_MAX_KB = 30
const KB = 1024

/** What was not delivered, and what it took. */
type Run = { latenciesMs: number[]; undelivered: number; memoryKb: number; heapKb: number }

/** Many who watch one process. */
export const scenario: Scenario = {
  name: 'watchers',
  description: '10,000 watchers on one process, half by SSE, half by WebSocket, 500 changes a second',
  run: async (context) => {
    const runs: Run[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) runs.push(await measure(context))
    const count = (context.isQuick ? WATCHERS_QUICK : WATCHERS).toLocaleString('en')
    const figure = (title: string, unit: string, of: (run: Run) => number, max: number | null): Figure => ({
      kind: 'figure',
      title: `${count} watchers, ${CHANGES_PER_SECOND} changes/s: ${title}`,
      unit,
      values: runs.map(of),
      target: max === null ? null : { kind: 'at-most', value: max, unit },
    })
    return [
      figure('changes not delivered', 'changes', (run) => run.undelivered, 0),
      figure('change to arrival, p50', 'ms', (run) => quantile(run.latenciesMs, 0.5), null),
      figure('change to arrival, p99', 'ms', (run) => quantile(run.latenciesMs, 0.99), P99_MAX_MS),
      figure('memory a watcher', 'kB', (run) => run.memoryKb, MEMORY_MAX_KB),
      figure('heap a watcher', 'kB', (run) => run.heapKb, null),
    ]
  },
}

async function measure(context: BenchContext): Promise<Run> {
  const count = context.isQuick ? WATCHERS_QUICK : WATCHERS
  await using database = await openDatabase(context)
  await storeItems(database.client, [SKU])
  const ids = await storeBacklog(database.client, pickEvenly([SKU], count))
  await using holdfast = await startHoldfastWithMemory({ DATABASE_URL: database.url, ROLE: 'api' })
  const { url } = holdfast
  {
    await using _warmUp = await openWatchers({ url, ids: ids.slice(0, WARM_UP_WATCHERS) })
  }
  const before = await holdfast.collectAndReadMemory()
  await using watchers = await openWatchers({ url, ids })
  const after = await holdfast.collectAndReadMemory()

  context.log(`watchers: ${count} are watching`)
  const latenciesMs = await changeAll(database.url, ids, watchers)
  await assertNoBreaches(database)
  return {
    latenciesMs,
    undelivered: count - latenciesMs.length,
    memoryKb: (after.rss - before.rss) / count / KB,
    heapKb: (after.heapUsed - before.heapUsed) / count / KB,
  }
}

/** Reserves the orders in this process, batch after batch at a steady rate. @returns what the watchers saw */
async function changeAll(databaseUrl: string, ids: readonly string[], watchers: Watchers): Promise<number[]> {
  await using holdfast = await openApp(databaseUrl)
  const startedAt = performance.now()
  for (let start = 0; start < ids.length; start += BATCH_SIZE) {
    await sleep(Math.max(0, startedAt + (start / CHANGES_PER_SECOND) * 1000 - performance.now()))
    const orders = ids.slice(start, start + BATCH_SIZE).map((orderId) => ({ orderId }))
    await reserveInventory(holdfast.app, orders)
  }
  return await watchers.awaitChanges(ARRIVAL_LIMIT_MS)
}
