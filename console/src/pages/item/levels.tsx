import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { LocationLink } from '../../components/links.tsx'
import { EmptyState } from '../../components/states.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num } from '../../components/values.tsx'

export const LevelFields = graphql(`
  fragment LevelFields on InventoryLevel {
    id
    onHand
    reserved
    available
    availableToPromise
    safetyStock
    location {
      id
      code
      name
      isActive
    }
  }
`)

export type Level = ResultOf<typeof LevelFields>

const NOTHING = { onHand: 0, reserved: 0, available: 0, safetyStock: 0 }

/** Returns what there is at a location; where nothing ever was, zeros. */
export function levelAt(
  levels: readonly Level[],
  code: string,
): Omit<Level, 'id' | 'location' | 'availableToPromise'> {
  return levels.find(({ location }) => location.code === code) ?? NOTHING
}

const quantity = (head: string, of: (level: Level) => number): Column<Level> => ({
  head,
  cell: (level) => <Num value={of(level)} />,
  isNumeric: true,
})

const COLUMNS: readonly Column<Level>[] = [
  { head: 'Location', cell: ({ location }) => <Where location={location} /> },
  quantity('On hand', ({ onHand }) => onHand),
  quantity('Reserved', ({ reserved }) => reserved),
  quantity('Available', ({ available }) => available),
  quantity('Safety stock', ({ safetyStock }) => safetyStock),
  quantity('To promise', ({ availableToPromise }) => availableToPromise),
]

/** What there is at each location. */
export function LevelTable({ levels }: { levels: readonly Level[] }) {
  if (levels.length === 0) {
    return (
      <EmptyState title="It was never in stock">
        “Receive” takes goods in, and serves who waits for them.
      </EmptyState>
    )
  }
  return <Table caption="Levels by location" columns={COLUMNS} rows={levels} keyOf={({ id }) => id} />
}

function Where({ location: { code, name, isActive } }: Pick<Level, 'location'>) {
  return (
    <span>
      <LocationLink code={code} />
      {name !== code && <span class="muted"> {name}</span>}{' '}
      {!isActive && <span class="badge over">Inactive</span>}
    </span>
  )
}
