import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useViewer } from '../api/viewer.ts'
import { Button } from '../components/button.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { Pager, PagerFields } from '../components/pager.tsx'
import { EmptyState } from '../components/states.tsx'
import type { OrderStatus } from '../components/status-badge.tsx'
import { OrderFilters } from './orders/order-filters.tsx'
import { OrderRow, OrderTable } from './orders/order-table.tsx'

const OrdersDocument = graphql(
  `
    query Orders($first: Int!, $after: String, $filter: OrderFilter) {
      orders(first: $first, after: $after, filter: $filter) {
        edges {
          node {
            ...OrderRow
          }
        }
        pageInfo {
          ...PagerFields
        }
      }
    }
  `,
  [OrderRow, PagerFields],
)

/** Two screens. */
const PAGE_SIZE = 50

/**
 * No stream tells of every order: one that tells of all of a busy shop's would keep a browser busy, too. A page of the list costs
 * the server about as much as a look at one order.
 */
const POLL_MS = 2_000

/** Orders, newest first: those of the filters in the address. */
export function OrdersPage() {
  const { query } = useLocation()
  const { role } = useViewer()
  const [isLive, setLive] = useState(true)
  const filter = {
    status: (query.status as OrderStatus) || null,
    sku: query.sku || null,
    customerId: query.customer || null,
    reference: query.reference || null,
  }
  const variables = { first: PAGE_SIZE, after: query.after ?? null, filter }
  const read = useRead(OrdersDocument, variables, isLive ? POLL_MS : undefined)
  const isFiltered = Object.values(filter).some((value) => value !== null)
  return (
    <Page
      title="Orders"
      actions={
        <Button variant="quiet" isPressed={isLive} onClick={() => setLive(!isLive)}>
          Live
        </Button>
      }
    >
      <OrderFilters key={JSON.stringify(filter)} role={role} />
      <Loaded read={read}>
        {({ orders: { edges, pageInfo } }) => (
          <>
            {edges.length > 0 ? (
              <OrderTable orders={edges.map(({ node }) => node)} showsCustomer={role !== 'CUSTOMER'} />
            ) : (
              <NoOrders isFiltered={isFiltered} />
            )}
            <Pager pageInfo={pageInfo} next="Older orders" first="Newest orders" />
          </>
        )}
      </Loaded>
    </Page>
  )
}

function NoOrders({ isFiltered }: { isFiltered: boolean }) {
  if (isFiltered) {
    return (
      <EmptyState title="No order fits">
        Filters compare whole values, in upper and lower case as they are written.{' '}
        <a href="/console/orders">Show all</a>
      </EmptyState>
    )
  }
  return (
    <EmptyState title="There are no orders yet">
      Place one with <code>createOrder</code> or <code>POST /api/order</code>; it appears here at once.
    </EmptyState>
  )
}
