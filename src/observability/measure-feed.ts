import { Gauge, type Registry } from 'prom-client'
import type { OrderFeed } from '../feed/order-feed.ts'

/** Shows how many subscriptions are open, when it is asked. */
export function measureFeed(registry: Registry, feed: OrderFeed): void {
  new Gauge({
    name: 'holdfast_order_watchers',
    help: 'Subscriptions to orders that are open at this process',
    registers: [registry],
    collect() {
      this.set(feed.watcherCount)
    },
  })
}
