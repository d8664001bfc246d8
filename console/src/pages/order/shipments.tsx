import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { useMay } from '../../api/viewer.ts'
import { Button } from '../../components/button.tsx'
import { SkuLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'
import type { Line } from './order-lines.tsx'

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

type ShipmentsProps = {
  shipments: readonly Shipment[]
  lines: readonly Line[]
  /** Whether the order is being read again: nothing begins with what is shown. */
  isBusy: boolean
  onUndo: (shipment: Shipment) => void
}

/** What left, and where it can be undone. */
export function Shipments({ shipments, ...props }: ShipmentsProps) {
  const mayUndo = useMay()('undoShipment')
  const columns = mayUndo ? [...COLUMNS, undoColumn(props)] : COLUMNS
  return (
    <>
      <h2>Shipments</h2>
      <Table caption="Shipments, oldest first" columns={columns} rows={shipments} keyOf={({ id }) => id} />
    </>
  )
}

const COLUMNS: readonly Column<Shipment>[] = [
  { head: 'When', cell: ({ createdAt }) => <Time at={createdAt} /> },
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
        <span class="badge good">Left</span>
      ),
  },
]

function undoColumn({ lines, isBusy, onUndo }: Omit<ShipmentsProps, 'shipments'>): Column<Shipment> {
  return {
    head: 'Change',
    cell: (shipment) =>
      shipment.undoneAt ? (
        <span class="muted">–</span>
      ) : isBack(shipment, lines) ? (
        <span class="muted">came back</span>
      ) : (
        <Button variant="quiet" isBusy={isBusy} onClick={() => onUndo(shipment)}>
          Undo<span class="visually-hidden"> the shipment from {shipment.location.code}</span>
        </Button>
      ),
  }
}

/** Whether so much came back that the shipment cannot be undone: more would have been returned than was shipped. */
function isBack(shipment: Shipment, lines: readonly Line[]): boolean {
  return shipment.lines.some(({ sku, qty }) => {
    const line = lines.find((line) => line.sku === sku)
    return line !== undefined && line.shipped - qty < line.returned
  })
}

/** Quantities of SKUs, in one line. */
export function Goods({ lines }: Pick<Shipment, 'lines'>) {
  return (
    <span>
      {lines.map(({ sku, qty }, index) => (
        <span key={sku}>
          {index > 0 && ', '}
          <Num value={qty} /> × <SkuLink sku={sku} />
        </span>
      ))}
    </span>
  )
}
