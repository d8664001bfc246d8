import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { SkuLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num } from '../../components/values.tsx'

export const OrderLineFields = graphql(`
  fragment OrderLineFields on OrderLine {
    sku
    qty
    waiting
    reserved
    shipped
    cancelled
    returned
    allocations {
      qty
      location {
        id
        code
      }
    }
  }
`)

export type Line = ResultOf<typeof OrderLineFields>

const quantity = (head: string, of: (line: Line) => number): Column<Line> => ({
  head,
  cell: (line) => <Num value={of(line)} />,
  isNumeric: true,
})

const COLUMNS: readonly Column<Line>[] = [
  { head: 'SKU', cell: ({ sku }) => <SkuLink sku={sku} /> },
  quantity('Ordered', ({ qty }) => qty),
  quantity('Waiting', ({ waiting }) => waiting),
  quantity('Reserved', ({ reserved }) => reserved),
  quantity('Shipped', ({ shipped }) => shipped),
  quantity('Cancelled', ({ cancelled }) => cancelled),
  quantity('Returned', ({ returned }) => returned),
  { head: 'Held at', cell: (line) => <HeldAt line={line} /> },
]

/** What is ordered, and what became of each. */
export function OrderLines({ lines }: { lines: readonly Line[] }) {
  return <Table caption="Lines" columns={COLUMNS} rows={lines} keyOf={({ sku }) => sku} />
}

function HeldAt({ line: { allocations } }: { line: Line }) {
  if (allocations.length === 0) return <span class="muted">–</span>
  return (
    <span>
      {allocations.map(({ qty, location: { id, code } }, index) => (
        <span key={id}>
          {index > 0 && ', '}
          {code}
          {allocations.length > 1 && (
            <>
              {' '}
              (<Num value={qty} />)
            </>
          )}
        </span>
      ))}
    </span>
  )
}
