import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { Button } from '../../components/button.tsx'
import { OrderLink } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const DeadLetterRow = graphql(`
  fragment DeadLetterRow on DeadLetter {
    id
    createdAt
    task
    error
    attempts
    traceId
    order {
      id
    }
  }
`)

type Row = ResultOf<typeof DeadLetterRow>

type DeadLetterTableProps = { deadLetters: readonly Row[]; retry: (id: string) => void }

export function DeadLetterTable({ deadLetters, retry }: DeadLetterTableProps) {
  const columns: readonly Column<Row>[] = [
    { head: 'Given up', cell: ({ createdAt }) => <Time at={createdAt} /> },
    { head: 'Order', cell: ({ order }) => <OrderLink id={order.id} /> },
    { head: 'Work', cell: ({ task }) => <code>{task}</code> },
    { head: 'Tries', cell: ({ attempts }) => <Num value={attempts} />, isNumeric: true },
    { head: 'Why', cell: (row) => <Why row={row} /> },
    {
      head: 'Retry',
      cell: ({ id, order }) => (
        <Button onClick={() => retry(id)}>
          Retry<span class="visually-hidden"> order {order.id}</span>
        </Button>
      ),
    },
  ]
  return (
    <Table
      caption="Dead letters, newest first"
      columns={columns}
      rows={deadLetters}
      keyOf={({ id }) => id}
      anchorOf={({ id }) => id}
    />
  )
}

function Why({ row: { error, traceId } }: { row: Row }) {
  return (
    <div class="why">
      <p>{error}</p>
      {traceId && (
        <p class="muted">
          Trace <code>{traceId}</code>
        </p>
      )}
    </div>
  )
}
