import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { putHttpLoad } from '../bench/http-load.ts'
import { type OpenLoadResult, putOpenLoad } from '../bench/open-load.ts'
import { createOrderLoad } from '../bench/support/create-order-load.ts'
import { CALLS_UNDER_WAY_MAX, OVERLOAD_WINDOW_MS } from '../src/limits.ts'
import { createTestApp, seed } from './support/harness.ts'
import { scrape } from './support/scrape.ts'
import { Processes } from './support/server-process.ts'

/** Callers who wait for their answers, before and after: none of them is refused. The capacity is what the server takes of them. */
const CLOSED_CONNECTIONS = 200
const CLOSED_S = 2
/**
 * Of the capacity, in which this sender has its share of the processors: more than any server takes. If the
 * machine was slow while the capacity was measured, that is too little: then the rate is doubled until something is refused.
 */
const OVERLOAD_FACTOR = 2.5
const OVERLOAD_S = 2
const OVERLOAD_TRIES_MAX = 4
/** More than the server lets in at once. */
const CONNECTIONS = 3 * CALLS_UNDER_WAY_MAX
/** Callers who go on at a rate that the server can bear: after the overload none of them has to be refused. */
const BEARABLE_FACTOR = 0.2
const BEARABLE_CONNECTIONS = CALLS_UNDER_WAY_MAX - 50
/** Several times what the overload takes on a busy machine: it has to go on until nothing is refused any more. */
const BEARABLE_S = 20
/** The full limit is tried again after twenty windows, and once more where the machine stood still meanwhile. */
const RECOVERY_MAX_MS = 45 * OVERLOAD_WINDOW_MS
/** Longer than an overload lasts in which nothing is refused any more. */
const QUIET_MS = 3 * OVERLOAD_WINDOW_MS
/** Garbage that nobody has had time for, and room for slow machines. Queues without a limit take several times that. */
const MEMORY_GROWTH_MAX_BYTES = 400_000_000

const processes = new Processes()
afterEach(() => processes.end())

test('sends more than a server can take are each answered or refused in good order, and it recovers at once', async () => {
  const testApp = await createTestApp()
  onTestFinished(async () => {
    await processes.end()
    await testApp.close()
  })
  await seed(testApp.app).item({ sku: 'BOLT' })
  const { url } = await processes.startServer({
    DATABASE_URL: testApp.databaseUrl,
    ROLE: 'api',
    LOG_LEVEL: 'warn',
  })
  const read = async (metric: string) => {
    const { samples } = await scrape(url)
    return samples.reduce((sum, { name, value }) => (name === metric ? sum + value : sum), 0)
  }
  const readMemory = () => read('process_resident_memory_bytes')
  const readRefused = () => read('holdfast_refused_calls_total')
  const countOrders = async () => {
    const { rows } = await testApp.app.pool.query('select count(*)::int as orders from orders')
    return rows[0].orders
  }
  const load = { ...createOrderLoad('BOLT'), url, refusalStatus: 503, warmUpS: 0 }

  const putClosedLoad = () =>
    putHttpLoad({ ...load, connections: CLOSED_CONNECTIONS, warmUpS: 1, durationS: CLOSED_S })

  const before = await putClosedLoad()
  expect(await readRefused()).toBe(0)
  const memoryBefore = await readMemory()

  // it goes on through the overload and after it: without a pause in which anything would recover
  let isBearableOver = false
  const bearing = putOpenLoad({
    ...load,
    connections: BEARABLE_CONNECTIONS,
    perSecond: Math.round(BEARABLE_FACTOR * before.perSecond),
    durationS: BEARABLE_S,
  }).finally(() => {
    isBearableOver = true
  })
  // an assertion that fails first leaves it to itself
  bearing.catch(() => {})
  let overload: OpenLoadResult
  let acceptedInAll = 0
  let perSecond = Math.round(OVERLOAD_FACTOR * before.perSecond)
  for (let tries = 1; ; tries++, perSecond *= 2) {
    // throws at the first answer that is neither an order nor a 503 with Retry-After
    overload = await putOpenLoad({ ...load, connections: CONNECTIONS, perSecond, durationS: OVERLOAD_S })
    acceptedInAll += overload.accepted
    expect(overload.accepted + overload.refused).toBe(Math.floor(perSecond * OVERLOAD_S))
    if (overload.refused > 0 || tries === OVERLOAD_TRIES_MAX) break
  }
  expect(overload.refused).toBeGreaterThan(0)
  // how many is a matter of speed: `loop-limit.test.ts` holds it on a clock of its own, `npm run bench` on the machine's
  expect(overload.accepted).toBeGreaterThan(0)
  expect((await readMemory()) - memoryBefore).toBeLessThan(MEMORY_GROWTH_MAX_BYTES)

  const refusedBefore = await readOnceQuiet(readRefused)
  expect(isBearableOver).toBe(false)
  const { accepted, refused } = await bearing
  expect(await readRefused()).toBe(refusedBefore)
  expect(overload.refused + refused).toBe(refusedBefore)

  // throws at the first call that is refused
  const after = await putClosedLoad()
  expect(await countOrders()).toBe(before.answered + acceptedInAll + accepted + after.answered)
})

/** What a count is once it stands still. @throws when it never does */
async function readOnceQuiet(read: () => Promise<number>): Promise<number> {
  const untilMs = performance.now() + RECOVERY_MAX_MS
  for (let before = await read(); performance.now() < untilMs; ) {
    await sleep(QUIET_MS)
    const now = await read()
    if (now === before) return now
    before = now
  }
  throw new Error(`Calls are refused for ${RECOVERY_MAX_MS} ms after the overload`)
}
