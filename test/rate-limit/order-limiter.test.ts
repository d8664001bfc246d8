import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { REDIS_TIMEOUT_MS } from '../../src/limits.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import {
  createOrderLimiter,
  type OrderLimiter,
  type OrderLimiterOptions,
} from '../../src/rate-limit/order-limiter.ts'
import { eventually } from '../support/harness.ts'
import { hasRedis, startRedis } from '../support/redis.ts'

function limiter(options: Partial<OrderLimiterOptions>): OrderLimiter {
  const limiter = createOrderLimiter({ ordersPerSecond: 5, logger: createLogger('silent'), ...options })
  onTestFinished(() => limiter.close())
  return limiter
}

/** How many of so many orders at once were let through; each of the others was told when to come again. */
async function place(budget: string, count: number, ...limiters: OrderLimiter[]): Promise<number> {
  const outcomes = await Promise.allSettled(
    Array.from({ length: count }, (_, index) => limiters[index % limiters.length]!.take(budget)),
  )
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected')
      expect(outcome.reason).toMatchObject({ code: 'RATE_LIMITED', limit: 5, retryAfterS: 1 })
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length
}

/** How many of twenty orders, and how long the slowest of them took, in milliseconds. */
async function timePlacing(limiter: OrderLimiter) {
  const startedAtMs = performance.now()
  const placed = await place(randomUUID(), 20, limiter)
  return { placed, tookMs: performance.now() - startedAtMs }
}

describe('in memory', () => {
  test('lets a burst of the limit through, and as many again a second later', async () => {
    const orders = limiter({})
    expect(await place('alice', 20, orders)).toBe(5)
    expect(await place('alice', 20, orders)).toBe(0)
    await sleep(1_010)
    expect(await place('alice', 20, orders)).toBe(5)
  })

  test('lets all orders of a call through, or none', async () => {
    const orders = limiter({})
    await orders.take('alice', 5)
    await orders.take('carol', 3)
    await expect(orders.take('carol', 3)).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfterS: 1 })
  })

  test('counts each caller apart', async () => {
    const orders = limiter({})
    expect(await place('alice', 20, orders)).toBe(5)
    expect(await place('bob', 20, orders)).toBe(5)
  })
})

// CI has a Redis: there, a missing one is a failure
const isSkipped = !hasRedis() && process.env.CI !== 'true'
if (isSkipped) {
  process.stderr.write(
    'SKIPPED: rate limits with Redis were not tested, for there is no redis-server on the PATH\n',
  )
}
describe.skipIf(isSkipped)('with Redis (needs redis-server on the PATH)', () => {
  beforeAll(() => {
    if (!hasRedis()) throw new Error('There is no redis-server: apt-get install redis-server')
  })

  async function serveRedis() {
    const redis = await startRedis()
    onTestFinished(() => redis.end())
    return redis
  }

  /** Until both count together: an order by the one is known to the other. */
  async function untilShared(one: OrderLimiter, other: OrderLimiter): Promise<void> {
    await eventually(async () => (await place(randomUUID(), 20, one, other)) === 5)
  }

  test('two processes share one budget', async () => {
    const { url: redisUrl } = await serveRedis()
    const [one, other] = [limiter({ redisUrl }), limiter({ redisUrl })]
    await untilShared(one, other)
    await one.take('carol', 3)
    await expect(other.take('carol', 3)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(await place('alice', 40, one, other)).toBe(5)
    expect(await place('alice', 40, one, other)).toBe(0)
    await sleep(1_050)
    expect(await place('alice', 40, one, other)).toBe(5)
  })

  test('a Redis that is not there delays nobody: each process holds its callers to the limit', async () => {
    const redis = await startRedis()
    await redis.end()
    const orders = limiter({ redisUrl: redis.url })
    const times: number[] = []
    for (let turn = 0; turn < 5; turn++) {
      const { placed, tookMs } = await timePlacing(orders)
      expect(placed).toBe(5)
      times.push(tookMs)
    }
    // each of them would be as late; a busy machine makes one or another so
    expect(Math.min(...times)).toBeLessThan(REDIS_TIMEOUT_MS / 2)
  })

  test('a Redis that dies under load loses no order and lets none through beyond the limits', async () => {
    const redis = await serveRedis()
    const [one, other] = [limiter({ redisUrl: redis.url }), limiter({ redisUrl: redis.url })]
    await untilShared(one, other)
    const budget = randomUUID()
    const placing = place(budget, 400, one, other)
    await redis.end()
    // what Redis had counted, and a burst of each process for itself
    expect(await placing).toBeLessThanOrEqual(15)
    for (const process of [one, other]) expect((await timePlacing(process)).placed).toBe(5)

    const again = await startRedis(redis.port)
    onTestFinished(() => again.end())
    await untilShared(one, other)
  })

  test('a Redis that hangs delays the orders of one moment, none after, and is used again once it goes on', async () => {
    const redis = await serveRedis()
    const [one, other] = [limiter({ redisUrl: redis.url }), limiter({ redisUrl: redis.url })]
    await untilShared(one, other)
    redis.process.kill('SIGSTOP')
    const first = await timePlacing(one)
    expect(first.placed).toBe(5)
    let late = 0
    for (let times = 0; times < 20; times++) {
      const { placed, tookMs } = await timePlacing(one)
      expect(placed).toBe(5)
      if (tookMs >= REDIS_TIMEOUT_MS / 2) late++
      await sleep(50)
    }
    // the connection was left: it is the machine, if anything, that makes one late
    expect(late).toBeLessThan(5)
    redis.process.kill('SIGCONT')
    await untilShared(one, other)
  })
})
