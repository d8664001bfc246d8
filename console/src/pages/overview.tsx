import { useEffect } from 'preact/hooks'
import { useRead } from '../api/use-read.ts'
import { Chart } from '../components/chart.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { Invariants } from './overview/invariants.tsx'
import { OverviewDocument, type ServiceStatus } from './overview/overview-document.ts'
import { Queue } from './overview/queue.tsx'
import { noteSample, samples } from './overview/samples.ts'
import { States } from './overview/states.tsx'
import { StatusTiles } from './overview/status-tiles.tsx'
import { Workers } from './overview/workers.tsx'

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
