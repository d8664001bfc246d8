import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { SkuLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const SupplierRequestFields = graphql(`
  fragment SupplierRequestFields on SupplierRequest {
    sku
    qty
    state
    ref
    attempts
    rechecks
    askedAt
    endedAt
  }
`)

type Request = ResultOf<typeof SupplierRequestFields>

/** How far each is, and what kind of state that is. */
const STATES: Record<Request['state'], readonly [text: string, kind: string]> = {
  ASKED: ['Asked', 'moving'],
  ACCEPTED: ['Will deliver', 'waiting'],
  DELIVERED: ['Delivered', 'good'],
  REFUSED: ['Refused', 'bad'],
  FAILED: ['Does not deliver', 'bad'],
  DELAYED: ['Late too often', 'bad'],
  UNREACHABLE: ['Not reached', 'bad'],
}

const COLUMNS: readonly Column<Request>[] = [
  { head: 'SKU', cell: ({ sku }) => <SkuLink sku={sku} /> },
  { head: 'Qty', cell: ({ qty }) => <Num value={qty} />, isNumeric: true },
  {
    head: 'State',
    cell: ({ state }) => <span class={`badge ${STATES[state][1]}`}>{STATES[state][0]}</span>,
  },
  { head: 'Its name for it', cell: ({ ref }) => (ref ? <code>{ref}</code> : <span class="muted">–</span>) },
  { head: 'Calls without answer', cell: ({ attempts }) => <Num value={attempts} />, isNumeric: true },
  { head: 'Times delayed', cell: ({ rechecks }) => <Num value={rechecks} />, isNumeric: true },
  { head: 'Asked', cell: ({ askedAt }) => <Time at={askedAt} /> },
  {
    head: 'Last answer',
    cell: ({ endedAt }) => (endedAt ? <Time at={endedAt} /> : <span class="muted">not yet</span>),
  },
]

/** What a supplier was asked for, of all lines. */
export function SupplierRequests({ requests }: { requests: readonly Request[] }) {
  return (
    <>
      <h2>Asked of the supplier</h2>
      <Table caption="Supplier requests" columns={COLUMNS} rows={requests} keyOf={({ sku }) => sku} />
    </>
  )
}
