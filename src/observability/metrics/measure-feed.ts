import { Counter, Gauge, type Registry } from 'prom-client'
import type { OrderFeed } from '../../feed/order-feed.ts'
import { DROP_REASONS, WATCH_TRANSPORTS } from '../../feed/watch-tally.ts'

/** Shows the feed's counts of views at a scrape, so a delivery costs only an addition. */
export function measureFeed(registry: Registry, { tallies }: OrderFeed): void {
  const registers = [registry]
  new Gauge({
    name: 'holdfast_order_watchers',
    help: 'Open subscriptions to orders in this process',
    labelNames: ['transport'],
    registers,
    collect() {
      for (const transport of WATCH_TRANSPORTS) this.set({ transport }, tallies[transport].open)
    },
  })
  new Counter({
    name: 'holdfast_watch_deliveries_total',
    help: 'Order versions handed to subscriptions',
    labelNames: ['transport'],
    registers,
    collect() {
      this.reset()
      for (const transport of WATCH_TRANSPORTS) this.inc({ transport }, tallies[transport].deliveries)
    },
  })
  new Counter({
    name: 'holdfast_watch_coalesced_total',
    help: 'Order versions that a subscription skipped: a newer one arrived before its client had read the last',
    labelNames: ['transport'],
    registers,
    collect() {
      this.reset()
      for (const transport of WATCH_TRANSPORTS) this.inc({ transport }, tallies[transport].coalesced)
    },
  })
  new Counter({
    name: 'holdfast_watch_dropped_total',
    help: 'Subscriptions ended by this process, not by their clients',
    labelNames: ['transport', 'reason'],
    registers,
    collect() {
      this.reset()
      for (const transport of WATCH_TRANSPORTS) {
        const { dropped } = tallies[transport]
        for (const reason of DROP_REASONS) this.inc({ transport, reason }, dropped[reason])
      }
    },
  })
}
