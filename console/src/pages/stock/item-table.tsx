import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { ItemLink } from '../../components/links.tsx'
import { StockBadges, StockStateFields } from '../../components/stock-badges.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num } from '../../components/values.tsx'

export const ItemRow = graphql(
  `
    fragment ItemRow on InventoryItem {
      id
      sku
      name
      available
      reserved
      onHand
      ...StockStateFields
    }
  `,
  [StockStateFields],
)

type Row = ResultOf<typeof ItemRow>

const quantity = (head: string, of: (row: Row) => number): Column<Row> => ({
  head,
  cell: (row) => <Num value={of(row)} />,
  isNumeric: true,
})

const COLUMNS: readonly Column<Row>[] = [
  { head: 'SKU', cell: ({ sku }) => <ItemLink sku={sku} /> },
  { head: 'Name', cell: ({ name }) => name },
  { head: 'State', cell: (row) => <StockBadges item={row} /> },
  quantity('On hand', ({ onHand }) => onHand),
  quantity('Reserved', ({ reserved }) => reserved),
  quantity('Available', ({ available }) => available),
  quantity('To promise', ({ availableToPromise }) => availableToPromise),
]

export function ItemTable({ items }: { items: readonly Row[] }) {
  return <Table caption="Items, by SKU" columns={COLUMNS} rows={items} keyOf={({ id }) => id} />
}
