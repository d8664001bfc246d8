import { Redis } from 'ioredis'
import type { Logger } from 'pino'
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible'
import { RateLimitedError } from '../domain/errors.ts'
import { REDIS_RETRY_DELAY_MS, REDIS_TIMEOUT_MS } from '../limits.ts'

/** Counts the orders of each caller in windows of one second. */
export type OrderLimiter = {
  /**
   * Takes the orders of a call out of what a caller may place: all, or none of them is to be placed. Those that are refused
   * count all the same, until the second is over.
   *
   * @param budget whose: calls under one name share one budget
   * @param orders how many, 1 unless it is said; more than `ordersPerSecond` are never let through
   * @throws {RateLimitedError} when this second's is used up
   */
  take(budget: string, orders?: number): Promise<void>
  /** Where processes are to share the budgets: whether they do at this moment. Undefined where each has its own. */
  isShared?: () => boolean
  close(): void
}

export type OrderLimiterOptions = {
  /** What a caller may place in a second, and all of it at once. */
  ordersPerSecond: number
  /** Where processes share the budgets; without it each process has its own. */
  redisUrl?: string | undefined
  logger: Logger
}

const WINDOW = { duration: 1, keyPrefix: 'holdfast:orders' }

/**
 * The limiter of `createOrder`. It never waits for a Redis that is away or hangs for longer than `REDIS_TIMEOUT_MS`: then
 * this process counts for itself, by the same limit.
 */
export function createOrderLimiter({ ordersPerSecond, redisUrl, logger }: OrderLimiterOptions): OrderLimiter {
  const local = new RateLimiterMemory({ points: ordersPerSecond, ...WINDOW })
  const redis = redisUrl === undefined ? undefined : connect(redisUrl, logger)
  const limiter = redis
    ? new RateLimiterRedis({
        storeClient: redis,
        points: ordersPerSecond,
        ...WINDOW,
        // a caller that is over its limit is refused here until the window is over, and Redis hears no more of it
        inMemoryBlockOnConsumed: ordersPerSecond,
        insuranceLimiter: local,
        rejectIfRedisNotReady: true,
      })
    : local
  return {
    async take(budget, orders = 1) {
      try {
        await limiter.consume(budget, orders)
      } catch (error) {
        if (!(error instanceof RateLimiterRes)) throw error
        throw new RateLimitedError(ordersPerSecond, Math.ceil(error.msBeforeNext / 1_000), orders)
      }
    },
    close: () => redis?.disconnect(),
    ...(redis && { isShared: () => redis.status === 'ready' }),
  }
}

function connect(url: string, logger: Logger): Redis {
  const redis = new Redis(url, {
    // orders of one turn of the event loop share a round trip
    enableAutoPipelining: true,
    // nothing waits for a connection, and nothing is sent twice: it would be counted twice
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: REDIS_TIMEOUT_MS,
    commandTimeout: REDIS_TIMEOUT_MS,
    // a Redis that hangs is left, so that only the first orders wait for it
    socketTimeout: REDIS_TIMEOUT_MS,
    retryStrategy: () => REDIS_RETRY_DELAY_MS,
  })
  let isAway = false
  redis.on('ready', () => {
    if (isAway) logger.info('Redis is back: processes share the rate limits again')
    isAway = false
  })
  // unheard, it would be written to the console with each try
  redis.on('error', (error) => {
    if (!isAway) logger.warn({ err: error }, 'Redis is away: this process counts its callers for itself')
    isAway = true
  })
  return redis
}
