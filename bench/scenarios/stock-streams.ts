import { setTimeout as sleep } from 'node:timers/promises'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { adjustInventories } from '../../src/use-cases/stock/verbs/adjust-inventories.ts'
import type { BenchContext, Comparison, Figure, Scenario } from '../scenario.ts'
import { openApp } from '../support/app.ts'
import { skuNames, storeItems } from '../support/backlog.ts'
import { assertNoBreaches, type BenchDatabase, openDatabase } from '../support/database.ts'
import { startHoldfastWithMemory } from '../support/holdfast.ts'
import { readCpuMs } from '../support/process-usage.ts'
import { type ExpectedChange, openStockStreams } from '../support/stock-streams.ts'
import { takeTurns } from '../take-turns.ts'

const ITEMS = skuNames(100)
const STREAMS = 100
/** Every so many streams, one is of a single SKU. */
const FILTERED_EACH = 5
const CHANGES_PER_SECOND = 1_000
const CHANGES_PER_COMMIT = 20
const DURATION_S = 20
const DURATION_QUICK_S = 3
/** Not counted: code is compiled and plans are made meanwhile. */
const WARM_UP_S = 2
/** After the last change, before what did not arrive counts as lost. */
const ARRIVAL_LIMIT_MS = 20_000

const UNHEARD_COMMITS = 2_000
const UNHEARD_COMMITS_QUICK = 200
const UNHEARD_SENDERS = 4

const MEMORY_SAMPLE_INTERVAL_MS = 100

const P99_MAX_MS = 250
const UNHEARD_SHARE_MIN = 0.95
const MB = 1024 * 1024

type Run = { wrong: number; p50Ms: number; p99Ms: number; cores: number; memoryMb: number }

/** What following the stock costs a process, and those who follow, and those who do not. */
export const scenario: Scenario = {
  name: 'stock-streams',
  description: '1,000 changes of stock a second to 100 streams, half by GraphQL, half by REST; and to none',
  run: async (context) => {
    const runs: Run[] = []
    for (let repetition = 0; repetition < context.repetitions; repetition++) {
      runs.push(await measureStreams(context))
    }
    const figure = (title: string, unit: string, of: (run: Run) => number, max: number | null): Figure => ({
      kind: 'figure',
      title: `${CHANGES_PER_SECOND.toLocaleString('en')} changes of stock/s to ${STREAMS} streams: ${title}`,
      unit,
      values: runs.map(of),
      target: max === null ? null : { kind: 'at-most', value: max, unit },
    })
    return [
      figure(
        'streams that missed a change, or got one twice or out of order',
        'streams',
        (run) => run.wrong,
        0,
      ),
      figure('commit to arrival, p50', 'ms', (run) => run.p50Ms, null),
      figure('commit to arrival, p99', 'ms', (run) => run.p99Ms, P99_MAX_MS),
      figure('processor time of the process, a second of load', 's', (run) => run.cores, null),
      figure('peak memory above idle', 'MB', (run) => run.memoryMb, null),
      await compareUnheard(context),
    ]
  },
}

async function measureStreams(context: BenchContext): Promise<Run> {
  const durationS = context.isQuick ? DURATION_QUICK_S : DURATION_S
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using holdfast = await startHoldfastWithMemory({ DATABASE_URL: database.url, ROLE: 'api' })
  await using driver = await openApp(database.url)
  const skus = Array.from({ length: STREAMS }, (_, index) =>
    index % FILTERED_EACH === 0 ? ITEMS[index]! : null,
  )
  {
    await using _warmUp = await openStockStreams({ url: holdfast.url, skus })
    await changeSteadily(driver.app, WARM_UP_S)
  }
  const idle = (await holdfast.collectAndReadMemory()).rss
  await using streams = await openStockStreams({ url: holdfast.url, skus })
  context.log(`stock-streams: ${STREAMS} streams are open`)
  const last = await readLastId(database)
  const cpuMs = await readCpuMs([holdfast.pid])
  const memory = watchMemory(holdfast.readMemory)
  const commits = await changeSteadily(driver.app, durationS)
  const expected = await readExpected(database, last, commits)
  const { wrong, p50Ms, p99Ms } = await streams.check({ expected, limitMs: ARRIVAL_LIMIT_MS })
  // all of the work, also what is done once the changes are made
  const cores = ((await readCpuMs([holdfast.pid])) - cpuMs) / (durationS * 1_000)
  const memoryMb = ((await memory.stop()) - idle) / MB
  await assertNoBreaches(database)
  return { wrong, p50Ms, p99Ms, cores, memoryMb }
}

/** Reads memory again and again. `stop` returns the most that the process had, in bytes. */
function watchMemory(read: () => Promise<{ rss: number }>) {
  let peak = 0
  let isOver = false
  const watching = (async () => {
    while (!isOver) {
      peak = Math.max(peak, (await read()).rss)
      await sleep(MEMORY_SAMPLE_INTERVAL_MS)
    }
  })()
  const stop = async () => {
    isOver = true
    await watching
    return peak
  }
  return { stop }
}

/** When the commit of each reference was answered, in ms since 1970. */
type Commits = ReadonlyMap<string, number>

/** Changes stock at a steady rate, whatever is still under way. */
async function changeSteadily(app: App, durationS: number): Promise<Commits> {
  const commits = new Map<string, number>()
  const startedAt = performance.now()
  const running: Promise<void>[] = []
  for (let count = 0; count < (durationS * CHANGES_PER_SECOND) / CHANGES_PER_COMMIT; count++) {
    const dueAt = startedAt + (count * CHANGES_PER_COMMIT * 1_000) / CHANGES_PER_SECOND
    await sleep(Math.max(0, dueAt - performance.now()))
    const reference = `commit ${count}`
    running.push(
      commit(app, count, reference).then(() => {
        commits.set(reference, performance.timeOrigin + performance.now())
      }),
    )
  }
  await Promise.all(running)
  return commits
}

async function commit(app: App, count: number, reference: string): Promise<void> {
  const changes = Array.from({ length: CHANGES_PER_COMMIT }, (_, index) => ({
    sku: ITEMS[(count * CHANGES_PER_COMMIT + index) % ITEMS.length]!,
    delta: 1,
    reference,
  }))
  const { userErrors } = await adjustInventories(app, LOCAL_OPERATOR, { changes, reason: 'bench' })
  if (userErrors[0]) throw new Error(userErrors[0].message)
}

async function readLastId({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query<{ id: string }>('select max(id) as id from inventory_movements')
  return Number(rows[0]!.id)
}

async function readExpected(
  { client }: BenchDatabase,
  after: number,
  commits: Commits,
): Promise<ExpectedChange[]> {
  const { rows } = await client.query<{ id: string; sku: string; reference: string }>(
    'select id, sku, reference from inventory_movements where id > $1 order by id',
    [after],
  )
  return rows.map(({ id, sku, reference }) => ({
    id: Number(id),
    sku,
    committedAtMs: commits.get(reference)!,
  }))
}

async function compareUnheard(context: BenchContext): Promise<Comparison> {
  context.log('stock-streams: nobody listens')
  const { holdfast, baseline } = await takeTurns(context, {
    holdfast: () => changeUnheard(context, true),
    baseline: () => changeUnheard(context, false),
  })
  return {
    kind: 'comparison',
    title: `changes of stock where nobody follows them, ${CHANGES_PER_COMMIT} a commit`,
    against: 'without the stream',
    unit: 'changes/s',
    holdfast,
    baseline,
    target: { kind: 'at-least', value: UNHEARD_SHARE_MIN },
  }
}

/** Changes stock as fast as it goes. @returns changes a second */
async function changeUnheard(context: BenchContext, hasStream: boolean): Promise<number> {
  await using database = await openDatabase(context)
  await storeItems(database.client, ITEMS)
  await using driver = await openApp(database.url)
  const { app } = driver
  if (!hasStream) app.stockFeed.stop()
  const commits = context.isQuick ? UNHEARD_COMMITS_QUICK : UNHEARD_COMMITS
  await changeAtOnce(app, commits / 4)
  const startedAt = performance.now()
  await changeAtOnce(app, commits)
  const rate = (commits * CHANGES_PER_COMMIT * 1_000) / (performance.now() - startedAt)
  await assertNoBreaches(database)
  return rate
}

async function changeAtOnce(app: App, commits: number): Promise<void> {
  let count = 0
  const send = async () => {
    while (count < commits) {
      const number = count++
      await commit(app, number, `commit ${number}`)
    }
  }
  await Promise.all(Array.from({ length: UNHEARD_SENDERS }, send))
}
