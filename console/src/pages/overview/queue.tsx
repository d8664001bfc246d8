import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { type Column, Table } from '../../components/table.tsx'
import { Age, Num } from '../../components/values.tsx'

export const QueueFields = graphql(`
  fragment QueueFields on TaskQueue {
    task
    held
    oldestReadyAgeSeconds
    ready {
      count
      isEstimate
    }
    scheduled {
      count
      isEstimate
    }
  }
`)

type TaskQueue = ResultOf<typeof QueueFields>

const COLUMNS: readonly Column<TaskQueue>[] = [
  { head: 'Task', cell: ({ task }) => <code>{task}</code> },
  { head: 'Ready', cell: ({ ready }) => <AtLeast count={ready} />, isNumeric: true },
  {
    head: 'Oldest ready for',
    cell: ({ oldestReadyAgeSeconds: ageS }) =>
      ageS === null ? <span class="muted">–</span> : <Age seconds={ageS} />,
    isNumeric: true,
  },
  { head: 'Due later', cell: ({ scheduled }) => <AtLeast count={scheduled} />, isNumeric: true },
  { head: 'Held by workers', cell: ({ held }) => <Num value={held} />, isNumeric: true },
]

/** The jobs, by task. */
export function Queue({ queue }: { queue: readonly TaskQueue[] }) {
  return <Table caption="Jobs by task" columns={COLUMNS} rows={queue} keyOf={({ task }) => task} />
}

/** Of jobs an estimate is the least that there are. */
function AtLeast({ count: { count, isEstimate } }: { count: TaskQueue['ready'] }) {
  return (
    <span>
      {isEstimate && 'at least '}
      <Num value={count} />
    </span>
  )
}
