import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { OrderLink, SkuLink } from '../../components/links.tsx'
import { StatusBadge } from '../../components/status-badge.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const OrderRow = graphql(`
  fragment OrderRow on Order {
    id
    status
    customerId
    reference
    sku
    qty
    createdAt
    expiresAt
    lines {
      sku
    }
  }
`)

type Row = ResultOf<typeof OrderRow>

const COLUMNS: readonly Column<Row>[] = [
  { head: 'Order', cell: ({ id }) => <OrderLink id={id} /> },
  { head: 'State', cell: ({ status }) => <StatusBadge status={status} /> },
  { head: 'Goods', cell: (row) => <Goods row={row} /> },
  { head: 'Qty', cell: ({ qty }) => <Num value={qty} />, isNumeric: true },
  { head: 'Reference', cell: ({ reference }) => reference ?? <None /> },
  { head: 'Placed', cell: ({ createdAt }) => <Time at={createdAt} /> },
]
const CUSTOMER: Column<Row> = { head: 'Customer', cell: ({ customerId }) => customerId ?? <None /> }

type OrderTableProps = { orders: readonly Row[]; showsCustomer: boolean }

export function OrderTable({ orders, showsCustomer }: OrderTableProps) {
  const columns = showsCustomer ? COLUMNS.toSpliced(4, 0, CUSTOMER) : COLUMNS
  return <Table caption="Orders, newest first" columns={columns} rows={orders} keyOf={({ id }) => id} />
}

function Goods({ row: { sku, lines } }: { row: Row }) {
  return (
    <>
      <SkuLink sku={sku} />
      {lines.length > 1 && <span class="muted"> and {lines.length - 1} more</span>}
    </>
  )
}

function None() {
  return <span class="muted">–</span>
}
