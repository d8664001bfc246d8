import { Counter, Gauge, type Registry } from 'prom-client'
import { STOCK_THRESHOLDS, type StockCrossing } from '../../domain/stock/thresholds.ts'
import type { StockFeed } from '../../feed/stock-feed.ts'
import { DROP_REASONS, WATCH_TRANSPORTS } from '../../feed/watch-tally.ts'

/** Counts the thresholds that stock crossed, and shows at a scrape who follows its changes. */
export function measureStock(
  registry: Registry,
  stockFeed: StockFeed,
): (crossings: readonly StockCrossing[]) => void {
  measureStreams(registry, stockFeed)

  const counter = new Counter({
    name: 'holdfast_stock_thresholds_total',
    help: 'Thresholds that the stock of items crossed: low, out of stock, or back in stock',
    labelNames: ['threshold'],
    registers: [registry],
  })
  // so that the first crossing is an increase
  for (const threshold of STOCK_THRESHOLDS) counter.inc({ threshold }, 0)
  return (crossings) => {
    for (const { crossed } of crossings) for (const threshold of crossed) counter.inc({ threshold })
  }
}

function measureStreams(registry: Registry, stockFeed: StockFeed): void {
  const { tallies } = stockFeed
  const registers = [registry]
  new Gauge({
    name: 'holdfast_stock_streams',
    help: 'Open streams of changes of stock in this process',
    labelNames: ['transport'],
    registers,
    collect() {
      for (const transport of WATCH_TRANSPORTS) this.set({ transport }, tallies[transport].open)
    },
  })
  new Counter({
    name: 'holdfast_stock_stream_deliveries_total',
    help: 'Changes of stock handed to streams',
    labelNames: ['transport'],
    registers,
    collect() {
      this.reset()
      for (const transport of WATCH_TRANSPORTS) this.inc({ transport }, tallies[transport].deliveries)
    },
  })
  new Counter({
    name: 'holdfast_stock_stream_dropped_total',
    help: 'Streams of changes of stock ended by this process, not by their clients',
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
  new Gauge({
    name: 'holdfast_stock_stream_lag_seconds',
    help: 'For how long a transaction under way has held changes of stock back from the streams of this process',
    registers,
    collect() {
      this.set(stockFeed.lagMs / 1_000)
    },
  })
}
