import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { useViewer } from '../../api/viewer.ts'
import { Button } from '../../components/button.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'
import type { OrderDialogKind } from './verbs/order-dialog.tsx'

export const ShipmentFields = graphql(`
  fragment ShipmentFields on Shipment {
    id
    reference
    createdAt
    undoneAt
    location {
      id
      code
    }
    lines {
      sku
      qty
    }
  }
`)

export type Shipment = ResultOf<typeof ShipmentFields>

type ShipmentsProps = { shipments: readonly Shipment[]; open: (kind: OrderDialogKind) => void }

/** What left, and where it can be undone. */
export function Shipments({ shipments, open }: ShipmentsProps) {
  const { role } = useViewer()
  const columns = role === 'CUSTOMER' ? COLUMNS : [...COLUMNS, undoColumn(open)]
  return (
    <>
      <h2>Shipments</h2>
      <Table caption="Shipments, oldest first" columns={columns} rows={shipments} keyOf={({ id }) => id} />
    </>
  )
}

const COLUMNS: readonly Column<Shipment>[] = [
  { head: 'Left', cell: ({ createdAt }) => <Time at={createdAt} /> },
  { head: 'From', cell: ({ location }) => location.code },
  { head: 'Goods', cell: ({ lines }) => <Goods lines={lines} /> },
  { head: 'Tracking or reference', cell: ({ reference }) => reference ?? <span class="muted">–</span> },
  {
    head: 'State',
    cell: ({ undoneAt }) =>
      undoneAt ? (
        <span>
          <span class="badge over">Undone</span> <Time at={undoneAt} />
        </span>
      ) : (
        <span class="badge good">On its way</span>
      ),
  },
]

function undoColumn(open: ShipmentsProps['open']): Column<Shipment> {
  return {
    head: 'Change',
    cell: (shipment) =>
      shipment.undoneAt ? (
        <span class="muted">–</span>
      ) : (
        <Button variant="quiet" onClick={() => open({ verb: 'undo', shipment })}>
          Undo<span class="visually-hidden"> the shipment from {shipment.location.code}</span>
        </Button>
      ),
  }
}

/** Quantities of SKUs, in one line. */
export function Goods({ lines }: Pick<Shipment, 'lines'>) {
  return (
    <span>
      {lines.map(({ sku, qty }, index) => (
        <span key={sku}>
          {index > 0 && ', '}
          <Num value={qty} /> × {sku}
        </span>
      ))}
    </span>
  )
}
