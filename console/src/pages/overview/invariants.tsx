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

/** Each invariant with its last check, those that did not hold before the others. */
export function Invariants({ invariants }: { invariants: readonly Invariant[] }) {
  const isBroken = ({ breaches }: Invariant) => (breaches ?? 0) > 0
  const broken = invariants.filter(isBroken)
  const others = invariants.filter((invariant) => !isBroken(invariant))
  const checks = invariants.flatMap(({ checkedAt }) => checkedAt ?? [])
  return (
    <>
      <p class={broken.length > 0 ? 'error-text' : 'muted'}>
        {broken.length > 0
          ? `${broken.length} of ${invariants.length} did not hold at the last check. The log says of what; npm run reconcile shows it, and repairs counters with -- --repair.`
          : 'A worker checks each of them once an hour, and repairs nothing.'}
      </p>
      {broken.length > 0 && <Checks caption="Invariants that did not hold" rows={broken} />}
      <details>
        <summary>
          {broken.length > 0 ? 'The others' : 'All of them'}: <Num value={checks.length} /> of{' '}
          <Num value={invariants.length} /> were checked
          {checks.length > 0 && (
            <>
              , the oldest check <Time at={checks.toSorted()[0]!} />
            </>
          )}
        </summary>
        <Checks caption="Invariants" rows={others} />
      </details>
    </>
  )
}

function Checks({ caption, rows }: { caption: string; rows: readonly Invariant[] }) {
  return <Table caption={caption} columns={COLUMNS} rows={rows} keyOf={({ invariant }) => invariant} />
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
