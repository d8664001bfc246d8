import { Counter, Gauge, type Registry } from 'prom-client'
import { RateLimitedError } from '../../domain/errors.ts'
import type { OrderLimiter } from '../../rate-limit/order-limiter.ts'

/**
 * Counts orders that the limiter refuses, by the store that counted them: Redis, or the memory of this process without Redis or
 * while it is unreachable. With REDIS_URL, shows whether Redis is reachable.
 *
 * @returns the limiter to use; undefined without one
 */
export function measureRateLimit(
  registry: Registry,
  limiter: OrderLimiter | undefined,
): OrderLimiter | undefined {
  const registers = [registry]
  const refusals = new Counter({
    name: 'holdfast_rate_limit_refusals_total',
    help: 'Orders refused by the rate limit of their caller',
    labelNames: ['store'],
    registers,
  })
  refusals.inc({ store: 'memory' }, 0)
  if (!limiter) return undefined
  const { isShared } = limiter
  if (isShared) {
    refusals.inc({ store: 'redis' }, 0)
    new Gauge({
      name: 'holdfast_rate_limit_store_up',
      help: '1 while Redis counts orders for all processes. At 0 this process counts for itself, by the same limit',
      registers,
      collect() {
        this.set(isShared() ? 1 : 0)
      },
    })
  }
  return {
    ...limiter,
    take: async (budget, orders = 1) => {
      try {
        await limiter.take(budget, orders)
      } catch (error) {
        if (error instanceof RateLimitedError)
          refusals.inc({ store: isShared?.() ? 'redis' : 'memory' }, orders)
        throw error
      }
    },
  }
}
