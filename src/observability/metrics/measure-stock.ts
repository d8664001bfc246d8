import { Counter, type Registry } from 'prom-client'
import { STOCK_THRESHOLDS, type StockCrossing } from '../../domain/stock/thresholds.ts'

/** Counts the thresholds that stock crossed. */
export function measureStock(registry: Registry): (crossings: readonly StockCrossing[]) => void {
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
