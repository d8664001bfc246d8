import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { OrderLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'
import { withQuery } from '../../query-string.ts'

export const WaitingFields = graphql(`
  fragment WaitingFields on OrderConnection {
    edges {
      node {
        id
        customerId
        reference
        createdAt
        lines {
          sku
          waiting
        }
      }
    }
    pageInfo {
      hasNextPage
    }
  }
`)

/** Who is served next; the rest of a long line is a link away. */
export const WAITING_SHOWN = 10

type Waiting = ResultOf<typeof WaitingFields>
type Row = Waiting['edges'][number]['node'] & { place: number }

/** Orders that wait for a SKU, in the order in which they are served. */
export function WaitingOrders({ sku, waiting: { edges, pageInfo } }: { sku: string; waiting: Waiting }) {
  if (edges.length === 0)
    return (
      <p class="muted">
        None. An order waits here when less than it needs can be promised, until stock comes: “Receive” takes
        it in.
      </p>
    )
  return (
    <>
      <Table
        caption="Orders that wait, oldest first"
        columns={columnsOf(sku)}
        rows={edges.map(({ node }, index) => ({ ...node, place: index + 1 }))}
        keyOf={({ id }) => id}
      />
      <p class="muted">
        First come, first served; an order that does not fit is passed over.{' '}
        {pageInfo.hasNextPage && (
          <a href={withQuery('/console/orders', { status: 'AWAITING_RESTOCK', sku })}>
            All that wait, newest first
          </a>
        )}
      </p>
    </>
  )
}

function columnsOf(sku: string): readonly Column<Row>[] {
  return [
    { head: 'Turn', cell: ({ place }) => <Num value={place} /> },
    { head: 'Order', cell: ({ id }) => <OrderLink id={id} /> },
    { head: 'Waits for', cell: (row) => <Num value={waitingOf(row, sku)} />, isNumeric: true },
    { head: 'Customer', cell: ({ customerId }) => customerId ?? <None /> },
    { head: 'Reference', cell: ({ reference }) => reference ?? <None /> },
    { head: 'Placed', cell: ({ createdAt }) => <Time at={createdAt} /> },
  ]
}

function waitingOf({ lines }: Row, sku: string): number {
  return lines.find((line) => line.sku === sku)?.waiting ?? 0
}

function None() {
  return <span class="muted">–</span>
}
