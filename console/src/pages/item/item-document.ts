import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { ItemFactsFields } from './item-facts.tsx'
import { LevelFields } from './levels.tsx'
import { PlaceFields } from './location-select.tsx'
import { WaitingFields } from './waiting-orders.tsx'

/** What the page of an item shows, but for its ledger. */
export const ItemDocument = graphql(
  `
    query Item($sku: String!, $waiting: Int!) {
      inventoryItem(sku: $sku) {
        id
        sku
        ...ItemFactsFields
        levels {
          ...LevelFields
        }
      }
      locations {
        ...PlaceFields
      }
      waitingOrders(sku: $sku, first: $waiting) {
        ...WaitingFields
      }
    }
  `,
  [ItemFactsFields, LevelFields, PlaceFields, WaitingFields],
)

export type Item = NonNullable<ResultOf<typeof ItemDocument>['inventoryItem']>
