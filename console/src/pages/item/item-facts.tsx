import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { StockBadges, StockStateFields } from '../../components/stock-badges.tsx'
import { Num } from '../../components/values.tsx'

export const ItemFactsFields = graphql(
  `
    fragment ItemFactsFields on InventoryItem {
      id
      name
      onHand
      reserved
      available
      ...StockStateFields
    }
  `,
  [StockStateFields],
)

/** What is true of an item over all locations. */
export function ItemFacts({ item }: { item: ResultOf<typeof ItemFactsFields> }) {
  const { name, onHand, reserved, available, availableToPromise, backordered, lowStockAt } = item
  return (
    <dl class="facts item-facts card">
      <div class="wide">
        <dt>Name</dt>
        <dd>
          {name} <StockBadges item={item} />
        </dd>
      </div>
      <Quantity name="On hand" value={onHand} />
      <Quantity name="Reserved for orders" value={reserved} />
      <Quantity name="Available" value={available} />
      <Quantity name="To promise" value={availableToPromise} />
      <Quantity name="Orders wait for" value={backordered} />
      {lowStockAt !== null && <Quantity name="Low at" value={lowStockAt} />}
    </dl>
  )
}

function Quantity({ name, value }: { name: string; value: number }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <Num value={value} />
      </dd>
    </div>
  )
}
