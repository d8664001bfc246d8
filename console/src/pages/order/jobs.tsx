import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const JobFields = graphql(`
  fragment JobFields on OrderJob {
    id
    task
    runAt
    attempts
    attemptsMax
    error
    heldSince
    traceId
  }
`)

type Job = ResultOf<typeof JobFields>

const COLUMNS: readonly Column<Job>[] = [
  { head: 'Task', cell: ({ task }) => <code>{task}</code> },
  {
    head: 'State',
    cell: ({ heldSince, attempts, attemptsMax }) =>
      heldSince ? (
        <span class="badge moving">A worker has it</span>
      ) : attempts >= attemptsMax ? (
        <span class="badge bad">Tries used up</span>
      ) : (
        <span class="badge waiting">Waits</span>
      ),
  },
  { head: 'Due', cell: ({ runAt }) => <Time at={runAt} /> },
  {
    head: 'Tries',
    cell: ({ attempts, attemptsMax }) => (
      <span>
        <Num value={attempts} /> of <Num value={attemptsMax} />
      </span>
    ),
    isNumeric: true,
  },
  { head: 'Last error', cell: ({ error }) => error ?? <span class="muted">none</span> },
]

/** What is still to be done for the order. @param jobs null while the queue is too long to be searched */
export function Jobs({ jobs }: { jobs: readonly Job[] | null }) {
  return (
    <>
      <h2>Jobs</h2>
      {jobs === null ? (
        <p class="muted">The queue holds more than 10,000 jobs. It is searched again once it is shorter.</p>
      ) : jobs.length === 0 ? (
        <p class="muted">No job names this order. One that waits for stock is served when that comes.</p>
      ) : (
        <Table caption="Jobs, oldest first" columns={COLUMNS} rows={jobs} keyOf={({ id }) => id} />
      )}
    </>
  )
}
