import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
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
  }
`)

type Line = ResultOf<typeof OrderLineFields>

const quantity = (head: string, of: (line: Line) => number): Column<Line> => ({
  head,
  cell: (line) => <Num value={of(line)} />,
  isNumeric: true,
})

const COLUMNS: readonly Column<Line>[] = [
  { head: 'SKU', cell: ({ sku }) => sku },
  quantity('Ordered', ({ qty }) => qty),
  quantity('Waiting', ({ waiting }) => waiting),
  quantity('Reserved', ({ reserved }) => reserved),
  quantity('Shipped', ({ shipped }) => shipped),
  quantity('Cancelled', ({ cancelled }) => cancelled),
  quantity('Returned', ({ returned }) => returned),
]

/** What is ordered, and what became of each. */
export function OrderLines({ lines }: { lines: readonly Line[] }) {
  return <Table caption="Lines" columns={COLUMNS} rows={lines} keyOf={({ sku }) => sku} />
}
