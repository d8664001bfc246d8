import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { Button } from '../../components/button.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const DeadLetterFields = graphql(`
  fragment DeadLetterFields on DeadLetter {
    id
    task
    error
    attempts
    traceId
    createdAt
    retriedAt
  }
`)

type Letter = ResultOf<typeof DeadLetterFields>

type DeadLettersProps = { letters: readonly Letter[]; onRetry: (letterId: string) => void }

/** Work for the order that was given up. */
export function DeadLetters({ letters, onRetry }: DeadLettersProps) {
  return (
    <>
      <h2>Dead letters</h2>
      <Table
        caption="Dead letters, oldest first"
        columns={columns(onRetry)}
        rows={letters}
        keyOf={({ id }) => id}
      />
    </>
  )
}

function columns(onRetry: DeadLettersProps['onRetry']): readonly Column<Letter>[] {
  return [
    {
      head: 'Given up',
      cell: ({ id, createdAt, retriedAt }) =>
        // what was retried is in no list but this
        retriedAt ? (
          <Time at={createdAt} />
        ) : (
          <a href={`/console/dead-letters#${id}`}>
            <Time at={createdAt} />
          </a>
        ),
    },
    { head: 'Task', cell: ({ task }) => <code>{task}</code> },
    { head: 'Error', cell: ({ error }) => error },
    { head: 'Tries', cell: ({ attempts }) => <Num value={attempts} />, isNumeric: true },
    {
      head: 'Retried',
      cell: ({ id, retriedAt }) =>
        retriedAt ? (
          <Time at={retriedAt} />
        ) : (
          <Button variant="quiet" onClick={() => onRetry(id)}>
            Retry
          </Button>
        ),
    },
  ]
}
