import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { DeadLetterFields } from './dead-letters.tsx'
import { JobFields } from './jobs.tsx'
import { OrderFactsFields } from './order-facts.tsx'
import { OrderLineFields } from './order-lines.tsx'
import { MovementFields, OrderEventFields } from './order-timeline.tsx'
import { ShipmentFields } from './shipments.tsx'
import { SupplierRequestFields } from './supplier-requests.tsx'

/** The story of an order, as far as the reader may see it. */
export const OrderDocument = graphql(
  `
    query Order($id: ID!, $seesRequests: Boolean!, $seesJobs: Boolean!, $seesDeadLetters: Boolean!) {
      order(id: $id) {
        id
        version
        ...OrderFactsFields
        lines {
          ...OrderLineFields
          supplierRequests @include(if: $seesRequests) {
            ...SupplierRequestFields
          }
        }
        events {
          ...OrderEventFields
        }
        movements {
          ...MovementFields
        }
        shipments {
          ...ShipmentFields
        }
        jobs @include(if: $seesJobs) {
          ...JobFields
        }
        deadLetters @include(if: $seesDeadLetters) {
          ...DeadLetterFields
        }
      }
    }
  `,
  [
    OrderFactsFields,
    OrderLineFields,
    SupplierRequestFields,
    OrderEventFields,
    MovementFields,
    ShipmentFields,
    JobFields,
    DeadLetterFields,
  ],
)

export type Order = NonNullable<ResultOf<typeof OrderDocument>['order']>
