import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const InvariantFields = graphql(`
  fragment InvariantFields on InvariantCheck {
    invariant
    checkedAt
    breaches
  }
`)

type Invariant = ResultOf<typeof InvariantFields>

const COLUMNS: readonly Column<Invariant>[] = [
  { head: 'Invariant', cell: ({ invariant }) => <span class="invariant">{invariant}</span> },
  {
    head: 'Last check',
    cell: ({ checkedAt }) => (checkedAt ? <Time at={checkedAt} /> : <span class="muted">not yet</span>),
  },
  { head: 'Found', cell: ({ breaches }) => <Found breaches={breaches} /> },
]

/** Each invariant with its last check, those that do not hold first. */
export function Invariants({ invariants }: { invariants: readonly Invariant[] }) {
  const rows = invariants.toSorted((a, b) => (b.breaches ?? 0) - (a.breaches ?? 0))
  const broken = rows.filter(({ breaches }) => (breaches ?? 0) > 0).length
  return (
    <>
      <p class={broken > 0 ? 'error-text' : 'muted'}>
        {broken > 0
          ? `${broken} of ${rows.length} did not hold at the last check. The log says of what; npm run reconcile shows it, and repairs counters with -- --repair.`
          : 'A worker checks each of them once an hour, and repairs nothing.'}
      </p>
      <Table caption="Invariants" columns={COLUMNS} rows={rows} keyOf={({ invariant }) => invariant} />
    </>
  )
}

function Found({ breaches }: Pick<Invariant, 'breaches'>) {
  if (breaches === null) return <span class="muted">–</span>
  if (breaches === 0) return <span class="badge good">Holds</span>
  return (
    <span class="badge bad">
      <Num value={breaches} /> {breaches === 1 ? 'breach' : 'breaches'}
    </span>
  )
}
