import type { ResultOf } from 'gql.tada'
import { useRoute } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useStream } from '../api/use-stream.ts'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { OrderFacts, OrderFactsFields } from './order/order-facts.tsx'
import { OrderLineFields, OrderLines } from './order/order-lines.tsx'
import { OrderEventFields, OrderTimeline } from './order/order-timeline.tsx'

const OrderDocument = graphql(
  `
    query Order($id: ID!) {
      order(id: $id) {
        id
        version
        ...OrderFactsFields
        lines {
          ...OrderLineFields
        }
        events {
          ...OrderEventFields
        }
      }
    }
  `,
  [OrderFactsFields, OrderLineFields, OrderEventFields],
)

const OrderChangedDocument = graphql(`
  subscription OrderChanged($id: ID!, $afterVersion: Int!) {
    orderStatusChanged(id: $id, afterVersion: $afterVersion) {
      id
      version
    }
  }
`)

/** The story of one order. */
export function OrderPage() {
  const { id = '' } = useRoute().params
  // what was read of another order must not stand here
  return <OrderStory key={id} id={id} />
}

function OrderStory({ id }: { id: string }) {
  const read = useRead(OrderDocument, { id })
  const { data, refresh } = read
  const order = data?.order
  useStream(OrderChangedDocument, order ? id : null, {
    variables: () => ({ id, afterVersion: order!.version }),
    onData: refresh,
  })
  return (
    <Page title={`Order ${id}`}>
      <Loaded read={read}>{({ order }) => (order ? <Story order={order} /> : <NoOrder />)}</Loaded>
    </Page>
  )
}

type Order = NonNullable<ResultOf<typeof OrderDocument>['order']>

function Story({ order }: { order: Order }) {
  return (
    <>
      <OrderFacts order={order} />
      <h2>Lines</h2>
      <OrderLines lines={order.lines} />
      <h2>What happened</h2>
      <OrderTimeline events={order.events} />
    </>
  )
}

function NoOrder() {
  return (
    <EmptyState title="There is no such order">
      Nobody placed one of this id, or it is another customer's. Compare all 36 characters, or look among{' '}
      <a href="/console/orders">the orders</a>.
    </EmptyState>
  )
}
