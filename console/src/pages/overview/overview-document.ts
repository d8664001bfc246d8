import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { InvariantFields } from './invariants.tsx'
import { OrderCountFields } from './order-count.ts'
import { QueueFields } from './queue.tsx'
import { WorkerFields } from './workers.tsx'

/** How the service does, as the overview shows it. */
export const OverviewDocument = graphql(
  `
    query Overview {
      status {
        ordersPerSecond
        workersAlive
        supplierCircuit
        openDeadLetters {
          count
          isEstimate
        }
        lowItems {
          count
          isEstimate
        }
        orders {
          ...OrderCountFields
        }
        queue {
          ...QueueFields
        }
        workers {
          ...WorkerFields
        }
        invariants {
          ...InvariantFields
        }
      }
    }
  `,
  [OrderCountFields, QueueFields, WorkerFields, InvariantFields],
)

export type ServiceStatus = ResultOf<typeof OverviewDocument>['status']
