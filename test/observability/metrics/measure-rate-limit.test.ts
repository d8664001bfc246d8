import { afterEach, describe, expect, onTestFinished, test } from 'vitest'
import { createLogger } from '../../../src/observability/logs/logger.ts'
import { createOrderLimiter } from '../../../src/rate-limit/order-limiter.ts'
import { createTestApp, eventually, seed, type TestApp } from '../../support/harness.ts'
import { readNonZero, readSamples } from '../../support/metrics.ts'
import { hasRedis, startRedis } from '../../support/redis.ts'

const REFUSALS = 'holdfast_rate_limit_refusals_total'
const STORE_UP = 'holdfast_rate_limit_store_up'

let test_: TestApp
afterEach(() => test_.close())

/** An application that lets each caller place one order a second. */
async function limit(redisUrl?: string): Promise<void> {
  const limiter = createOrderLimiter({ ordersPerSecond: 1, redisUrl, logger: createLogger('silent') })
  onTestFinished(() => limiter.close())
  test_ = await createTestApp(undefined, limiter)
  await seed(test_.app).item({ sku: 'A', available: 100 })
}

/** Places so many orders at once. @returns how many were refused */
async function place(count: number): Promise<number> {
  const placing = Array.from({ length: count }, () => seed(test_.app).order({ sku: 'A' }))
  return (await Promise.allSettled(placing)).filter(({ status }) => status === 'rejected').length
}

const refusals = () => readNonZero(test_.app, REFUSALS)
const storeUp = async () => (await readSamples(test_.app)).get(STORE_UP)

describe('orders that are refused', () => {
  test('are counted, from 0 on', async () => {
    await limit()
    expect((await readSamples(test_.app)).get(`${REFUSALS}{store="memory"}`)).toBe(0)
    const refused = await place(10)
    expect(refused).toBeGreaterThan(0)
    expect(await refusals()).toEqual({ '{store="memory"}': refused })
    expect(await storeUp()).toBeUndefined()
  })

  test('are none without a limit', async () => {
    test_ = await createTestApp()
    await seed(test_.app).item({ sku: 'A', available: 100 })
    expect(await place(10)).toBe(0)
    expect((await readSamples(test_.app)).get(`${REFUSALS}{store="memory"}`)).toBe(0)
  })

  test('are counted in memory while Redis is away, which is shown', async () => {
    await limit('redis://127.0.0.1:1')
    const refused = await place(10)
    expect(await refusals()).toEqual({ '{store="memory"}': refused })
    expect(await storeUp()).toBe(0)
  })

  // order-limiter.test.ts tells of it where there is none, and fails for it in CI
  test.skipIf(!hasRedis())('are counted as of Redis while it is there', async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.end())
    await limit(redis.url)
    await eventually(async () => (await storeUp()) === 1)
    const shared = await place(10)
    expect(shared).toBeGreaterThan(0)
    expect(await refusals()).toEqual({ '{store="redis"}': shared })
    await redis.end()
    await eventually(async () => (await storeUp()) === 0)
    const alone = await eventually(async () => (await place(10)) || null)
    expect(await refusals()).toEqual({ '{store="redis"}': shared, '{store="memory"}': alone })
  })
})
