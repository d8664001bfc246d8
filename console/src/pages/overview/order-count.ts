import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'

export const OrderCountFields = graphql(`
  fragment OrderCountFields on OrderCount {
    status
    ofNewest
    oldestAgeSeconds
    count {
      count
      isEstimate
    }
  }
`)

export type OrderCount = ResultOf<typeof OrderCountFields>
