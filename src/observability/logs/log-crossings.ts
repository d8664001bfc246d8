import type { Logger } from 'pino'
import type { StockCrossing } from '../../domain/stock/thresholds.ts'

/** Logs the thresholds that stock crossed: somebody may have to order more of it. */
export function logCrossings(logger: Logger): (crossings: readonly StockCrossing[]) => void {
  return (crossings) => {
    for (const { sku, crossed } of crossings) logger.info({ sku, crossed }, 'stock threshold crossed')
  }
}
