import type { ResultOf } from 'gql.tada'
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { Chart } from '../components/chart.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { StatusBadge } from '../components/status-badge.tsx'
import { CountOf, Num } from '../components/values.tsx'

const OverviewDocument = graphql(`
  query Overview {
    status {
      workersAlive
      supplierCircuit
      openDeadLetters {
        count
        isEstimate
      }
      orders {
        status
        oldestAgeSeconds
        count {
          count
          isEstimate
        }
      }
    }
  }
`)

type Status = ResultOf<typeof OverviewDocument>['status']

const POLL_MS = 2_000
/** Five minutes of them. */
const SAMPLES_MAX = 150

/** How the service does. */
export function OverviewPage() {
  const read = useRead(OverviewDocument, {}, POLL_MS)
  const samples = useSamples(read.data?.status)
  return (
    <Page title="Overview">
      <Loaded read={read}>
        {({ status }) => (
          <>
            <Service status={status} />
            <h2>Orders by state</h2>
            <States orders={status.orders} />
            <h2>Open orders while you look</h2>
            <OpenOrders samples={samples} />
          </>
        )}
      </Loaded>
    </Page>
  )
}

function Service({ status: { workersAlive, supplierCircuit, openDeadLetters } }: { status: Status }) {
  return (
    <dl class="figures">
      <Figure name="Workers alive">
        <Num value={workersAlive} />
      </Figure>
      <Figure name="Supplier">{supplierCircuit ? CIRCUITS[supplierCircuit] : 'not known'}</Figure>
      <Figure name="Dead letters">
        <CountOf count={openDeadLetters} />
      </Figure>
    </dl>
  )
}

const CIRCUITS = { CLOSED: 'answers', HALF_OPEN: 'is tried again', OPEN: 'does not answer' } as const

function Figure({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <div class="card">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function States({ orders }: Pick<Status, 'orders'>) {
  return (
    <ul class="figures">
      {orders.map(({ status, count }) => (
        <li key={status}>
          <a class="card figure-link" href={`/console/orders?status=${status}`}>
            <StatusBadge status={status} />
            <CountOf count={count} />
          </a>
        </li>
      ))}
    </ul>
  )
}

type Sample = { atS: number; open: number }

function OpenOrders({ samples }: { samples: readonly Sample[] }) {
  const data = {
    times: samples.map(({ atS }) => atS),
    series: [{ label: 'Open', values: samples.map(({ open }) => open) }],
  }
  return (
    <div class="card">
      <Chart
        data={data}
        label={`Orders that are pending or await a restock, since this page was opened: now ${samples.at(-1)?.open ?? 0}`}
      />
    </div>
  )
}

/** Keeps what was read while the page is open: the server tells of this moment alone. */
function useSamples(status: Status | undefined): readonly Sample[] {
  const [samples, setSamples] = useState<readonly Sample[]>([])
  useEffect(() => {
    if (!status) return
    const open = status.orders
      .filter(({ status }) => status === 'PENDING' || status === 'AWAITING_RESTOCK')
      .reduce((sum, { count }) => sum + count.count, 0)
    setSamples((before) => [...before, { atS: Date.now() / 1_000, open }].slice(-SAMPLES_MAX))
  }, [status])
  return samples
}
