import type { ResultOf } from 'gql.tada'
import { useEffect } from 'preact/hooks'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { Chart } from '../components/chart.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { InvariantFields, Invariants } from './overview/invariants.tsx'
import { Queue, QueueFields } from './overview/queue.tsx'
import { noteSample, samples } from './overview/samples.ts'
import { OrderCountFields, States } from './overview/states.tsx'
import { StatusTiles } from './overview/status-tiles.tsx'
import { WorkerFields, Workers } from './overview/workers.tsx'

const OverviewDocument = graphql(
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

const POLL_MS = 2_000

/** How the service does. */
export function OverviewPage() {
  const read = useRead(OverviewDocument, {}, POLL_MS)
  const status = read.data?.status
  useEffect(() => {
    if (status) noteSample(status)
  }, [status])
  return (
    <Page title="Overview">
      <Loaded read={read}>
        {({ status }) => (
          <>
            <StatusTiles status={status} />
            <Pace status={status} />
            <h2>Orders by state</h2>
            <States orders={status.orders} />
            <h2 id="queue">Queue</h2>
            <Queue queue={status.queue} />
            <h2 id="workers">Workers</h2>
            <Workers workers={status.workers} />
            <h2 id="drift">What must hold of the data</h2>
            <Invariants invariants={status.invariants} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Pace({ status: { ordersPerSecond } }: { status: ServiceStatus }) {
  const { times, valuesOf } = samples.value
  return (
    <div class="card">
      <h2>Orders a second</h2>
      <Chart
        data={{ times, series: [{ label: 'Orders a second', values: valuesOf('ordersPerSecond') }] }}
        label={`Orders a second, over the last minutes: now ${ordersPerSecond.toLocaleString(undefined, { maximumSignificantDigits: 2 })}`}
      />
    </div>
  )
}
