import { useState } from 'preact/hooks'
import { useRoute } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useStream } from '../api/use-stream.ts'
import { useMay } from '../api/viewer.ts'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState, NotLive } from '../components/states.tsx'
import { DeadLetters } from './order/dead-letters.tsx'
import { Jobs } from './order/jobs.tsx'
import { OrderActions } from './order/order-actions.tsx'
import { type Order, OrderDocument } from './order/order-document.ts'
import { OrderFacts } from './order/order-facts.tsx'
import { OrderLines } from './order/order-lines.tsx'
import { OrderTimeline } from './order/order-timeline.tsx'
import { Shipments } from './order/shipments.tsx'
import { SupplierRequests } from './order/supplier-requests.tsx'
import { OrderDialog, type OrderDialogKind } from './order/verbs/order-dialog.tsx'

const OrderChangedDocument = graphql(`
  subscription OrderChanged($id: ID!, $afterVersion: Int!) {
    orderStatusChanged(id: $id, afterVersion: $afterVersion) {
      id
      version
    }
  }
`)

/** What the stream does not tell of: tries of a job, a supplier's answers, and that a failed order was opened again. */
const POLL_MS = 5_000
const POLLED: readonly Order['status'][] = ['PENDING', 'AWAITING_RESTOCK', 'FAILED']
/** After these the stream is over. */
const ENDED: readonly Order['status'][] = ['FAILED', 'CANCELLED', 'EXPIRED']

/** The story of one order. */
export function OrderPage() {
  const { id = '' } = useRoute().params
  // what was read of another order must not stand here
  return <OrderStory key={id} id={id} />
}

function OrderStory({ id }: { id: string }) {
  const may = useMay()
  const [isPolled, setPolled] = useState(false)
  const variables = {
    id,
    seesRequests: may('readSupplierRequests'),
    seesJobs: may('readJobs'),
    seesDeadLetters: may('readDeadLetters'),
  }
  const read = useRead(OrderDocument, variables, isPolled ? POLL_MS : undefined)
  const { data, refresh } = read
  const order = data?.order
  const shouldPoll = Boolean(order && POLLED.includes(order.status))
  if (isPolled !== shouldPoll) setPolled(shouldPoll)
  const live = useStream(OrderChangedDocument, order && !ENDED.includes(order.status) ? id : null, {
    variables: () => ({ id, afterVersion: order!.version }),
    onData: refresh,
  })
  return (
    <Page title={`Order ${id}`}>
      <NotLive live={live} />
      <Loaded read={read}>
        {({ order }) => (order ? <Story order={order} refresh={refresh} /> : <NoOrder />)}
      </Loaded>
    </Page>
  )
}

function Story({ order, refresh }: { order: Order; refresh: () => void }) {
  const [dialog, setDialog] = useState<{ kind: OrderDialogKind; seen: Order } | null>(null)
  // what is called expects the order as it stood when the dialog opened
  const open = (kind: OrderDialogKind) => setDialog({ kind, seen: order })
  const [changedTo, setChangedTo] = useState(0)
  // what stands here is older than the reader's own change: nothing begins with it until it is read again
  const isBehind = order.version < changedTo
  const refreshTo = (version = 0) => {
    setChangedTo((known) => Math.max(known, version))
    refresh()
  }
  const { jobs, deadLetters } = order
  const requests = order.lines.flatMap(({ supplierRequests = [] }) => supplierRequests)
  return (
    <>
      <OrderFacts order={order} traceId={traceIdOf(order)} />
      <OrderActions order={order} isBusy={isBehind} open={open} />
      <h2>Lines</h2>
      <OrderLines lines={order.lines} />
      {order.shipments.length > 0 && (
        <Shipments
          shipments={order.shipments}
          lines={order.lines}
          isBusy={isBehind}
          onUndo={(shipment) => open({ verb: 'undo', shipment })}
        />
      )}
      {requests.length > 0 && <SupplierRequests requests={requests} />}
      {deadLetters && deadLetters.length > 0 && (
        <DeadLetters letters={deadLetters} onRetry={(letterId) => open({ verb: 'retry', letterId })} />
      )}
      {jobs !== undefined && <Jobs jobs={jobs} />}
      <h2>What happened</h2>
      <OrderTimeline events={order.events} movements={order.movements} />
      {dialog && (
        <OrderDialog
          kind={dialog.kind}
          order={dialog.seen}
          refresh={refreshTo}
          onClose={() => setDialog(null)}
        />
      )}
    </>
  )
}

/** The trace of an order, as far as anything that is left of its work names it. */
function traceIdOf({ jobs, deadLetters }: Order): string | null | undefined {
  if (jobs === undefined) return undefined
  return jobs?.[0]?.traceId ?? deadLetters?.at(-1)?.traceId ?? null
}

function NoOrder() {
  return (
    <EmptyState title="There is no such order">
      Nobody placed one of this id, or it is another customer's. Compare all 36 characters, or look among{' '}
      <a href="/console/orders">the orders</a>.
    </EmptyState>
  )
}
