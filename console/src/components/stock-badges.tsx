import type { ResultOf } from 'gql.tada'
import { graphql } from '../api/graphql.ts'
import { Num } from './values.tsx'

export const StockStateFields = graphql(`
  fragment StockStateFields on InventoryItem {
    id
    availableToPromise
    backordered
    lowStockAt
  }
`)

type State = ResultOf<typeof StockStateFields>

/** How an item stands: whether nothing can be promised, or little, and what orders wait for. The text says it, not the colour. */
export function StockBadges({ item }: { item: State }) {
  const { availableToPromise, backordered, lowStockAt } = item
  const isOut = availableToPromise === 0
  const isLow = lowStockAt !== null && availableToPromise <= lowStockAt
  if (!isOut && !isLow && backordered === 0) return <span class="badge good">In stock</span>
  return (
    <span class="badges">
      {isOut && <span class="badge bad">Out</span>}
      {isLow && !isOut && <span class="badge waiting">Low</span>}
      {backordered > 0 && (
        <span class="badge moving">
          Backordered <Num value={backordered} />
        </span>
      )}
    </span>
  )
}
