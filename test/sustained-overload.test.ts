import { afterEach, expect, onTestFinished, test } from 'vitest'
import { putOpenLoad } from '../bench/open-load.ts'
import { createOrderLoad } from '../bench/support/create-order-load.ts'
import { CALLS_UNDER_WAY_MAX } from '../src/limits.ts'
import { execute } from './support/graphql.ts'
import { createTestApp, seed } from './support/harness.ts'
import { Processes } from './support/server-process.ts'

/** A process takes some 16,000 where it shares two cores with the database, and less with this sender. */
const PER_SECOND = 25_000
const DURATION_S = 3
/** More than the server lets in: some are refused however fast it is, or however slow the sender. */
const CONNECTIONS = 3 * CALLS_UNDER_WAY_MAX
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
  const readMemory = async () => {
    const text = await (await fetch(`${url}/metrics`)).text()
    return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)![1])
  }
  const countOrders = async () => {
    const { rows } = await testApp.app.pool.query('select count(*)::int as orders from orders')
    return rows[0].orders
  }

  const memoryBefore = await readMemory()
  // throws at the first answer that is neither an order nor a 503 with Retry-After
  const { accepted, refused } = await putOpenLoad({
    ...createOrderLoad('BOLT'),
    url,
    connections: CONNECTIONS,
    perSecond: PER_SECOND,
    warmUpS: 0,
    durationS: DURATION_S,
    refusalStatus: 503,
  })
  expect(accepted).toBeGreaterThan(0)
  expect(refused).toBeGreaterThan(0)
  expect(accepted + refused).toBe(PER_SECOND * DURATION_S)
  expect((await readMemory()) - memoryBefore).toBeLessThan(MEMORY_GROWTH_MAX_BYTES)
  const order = await execute(
    { url },
    'mutation { createOrder(input: { sku: "BOLT", qty: 1 }) { order { id } } }',
  )
  expect(order.status).toBe(200)
  expect(await countOrders()).toBe(accepted + 1)
})
