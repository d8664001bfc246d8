import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { putHttpLoad } from '../bench/http-load.ts'
import { putOpenLoad } from '../bench/open-load.ts'
import { createOrderLoad } from '../bench/support/create-order-load.ts'
import { CALLS_UNDER_WAY_MAX, OVERLOAD_WINDOW_MS } from '../src/limits.ts'
import { createTestApp, seed } from './support/harness.ts'
import { scrape } from './support/scrape.ts'
import { Processes } from './support/server-process.ts'

/**
 * Callers who wait for their answers, before and after: none of them is refused. The capacity is what the server takes of
 * them, the lower of both figures: others' load on the machine comes and goes.
 */
const CLOSED_CONNECTIONS = 200
const CLOSED_S = 2
/** Of the capacity, in which this sender has its share of the processors: more than any server takes. */
const OVERLOAD_FACTOR = 2.5
const OVERLOAD_S = 2
/** More than the server lets in: some are refused however fast it is, or however slow the sender. */
const CONNECTIONS = 3 * CALLS_UNDER_WAY_MAX
/**
 * Of the capacity. With two senders on the same two cores, and others' load beside, a healthy server takes more than
 * 0.12; one that refuses everybody for as long as anybody has to be refused takes 0.02 to 0.06.
 */
const ACCEPTED_SHARE_MIN = 0.08
/** Callers who go on at a rate that the server can bear: after the overload none of them has to be refused. */
const BEARABLE_FACTOR = 0.2
const BEARABLE_CONNECTIONS = CALLS_UNDER_WAY_MAX - 50
/** Three times what the overload takes on a busy machine: it has to go on until nothing is refused any more. */
const BEARABLE_S = 15
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
  // throws at the first answer that is neither an order nor a 503 with Retry-After
  const perSecond = Math.round(OVERLOAD_FACTOR * before.perSecond)
  const overload = await putOpenLoad({ ...load, connections: CONNECTIONS, perSecond, durationS: OVERLOAD_S })
  expect(overload.refused).toBeGreaterThan(0)
  expect(overload.accepted + overload.refused).toBe(Math.floor(perSecond * OVERLOAD_S))
  expect((await readMemory()) - memoryBefore).toBeLessThan(MEMORY_GROWTH_MAX_BYTES)

  const refusedBefore = await readOnceQuiet(readRefused)
  expect(isBearableOver).toBe(false)
  const { accepted, refused } = await bearing
  expect(await readRefused()).toBe(refusedBefore)
  expect(overload.refused + refused).toBe(refusedBefore)

  // throws at the first call that is refused
  const after = await putClosedLoad()
  const capacityPerSecond = Math.min(before.perSecond, after.perSecond)
  expect(overload.acceptedPerSecond / capacityPerSecond).toBeGreaterThan(ACCEPTED_SHARE_MIN)
  expect(await countOrders()).toBe(before.answered + overload.accepted + accepted + after.answered)
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
