import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { EmptyState } from '../../components/states.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Age, Num, Time } from '../../components/values.tsx'
import { CIRCUITS } from './circuits.ts'

export const WorkerFields = graphql(`
  fragment WorkerFields on Worker {
    id
    startedAt
    lastBeatAgeSeconds
    isAlive
    supplierCircuit
    held {
      task
      count
    }
  }
`)

type Worker = ResultOf<typeof WorkerFields>

const COLUMNS: readonly Column<Worker>[] = [
  { head: 'Worker', cell: ({ id }) => <code>{id}</code> },
  {
    head: 'State',
    cell: ({ isAlive }) => (
      <span class={`badge ${isAlive ? 'good' : 'bad'}`}>{isAlive ? 'Alive' : 'Silent'}</span>
    ),
  },
  {
    head: 'Last heartbeat',
    cell: ({ lastBeatAgeSeconds }) => (
      <span>
        <Age seconds={lastBeatAgeSeconds} /> ago
      </span>
    ),
  },
  { head: 'Holds', cell: ({ held }) => <Held held={held} /> },
  {
    head: 'Supplier',
    cell: ({ supplierCircuit }) =>
      supplierCircuit ? CIRCUITS[supplierCircuit][0] : <span class="muted">not known</span>,
  },
  { head: 'Works since', cell: ({ startedAt }) => <Time at={startedAt} /> },
]

/** Those that run jobs, and what they hold. */
export function Workers({ workers }: { workers: readonly Worker[] }) {
  if (workers.length === 0) {
    return (
      <EmptyState title="No worker runs">
        Orders are taken, and nothing is reserved. Start one with <code>ROLE=worker npm start</code> or{' '}
        <code>ROLE=all</code>.
      </EmptyState>
    )
  }
  return <Table caption="Workers, oldest first" columns={COLUMNS} rows={workers} keyOf={({ id }) => id} />
}

function Held({ held }: Pick<Worker, 'held'>) {
  if (held.length === 0) return <span class="muted">nothing</span>
  return (
    <span>
      {held.map(({ task, count }, index) => (
        <span key={task}>
          {index > 0 && ', '}
          <Num value={count} /> × <code>{task}</code>
        </span>
      ))}
    </span>
  )
}
