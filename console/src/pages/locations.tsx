import type { ResultOf } from 'gql.tada'
import { useState } from 'preact/hooks'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useMay } from '../api/viewer.ts'
import { Button } from '../components/button.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { type Column, Table } from '../components/table.tsx'
import { Num } from '../components/values.tsx'
import { LocationDialog, LocationFields } from './locations/location-dialog.tsx'

const LocationsDocument = graphql(
  `
    query Locations {
      locations {
        ...LocationFields
      }
    }
  `,
  [LocationFields],
)

type Location = ResultOf<typeof LocationFields>

/** The places that stock is in. */
export function LocationsPage() {
  const mayEdit = useMay()('saveLocation')
  const read = useRead(LocationsDocument, {})
  const [edited, setEdited] = useState<Location | 'new' | null>(null)
  return (
    <Page
      title="Locations"
      actions={
        mayEdit && (
          <Button variant="primary" onClick={() => setEdited('new')}>
            New location
          </Button>
        )
      }
    >
      <p class="muted">Orders take from active locations, those of the smallest priority first.</p>
      <Loaded read={read}>
        {({ locations }) => (
          <Table
            caption="Locations, in the order in which orders take from them"
            columns={mayEdit ? [...COLUMNS, editColumn(setEdited)] : COLUMNS}
            rows={locations}
            keyOf={({ id }) => id}
            anchorOf={({ code }) => code}
          />
        )}
      </Loaded>
      {edited && (
        <LocationDialog location={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />
      )}
    </Page>
  )
}

const COLUMNS: readonly Column<Location>[] = [
  { head: 'Code', cell: ({ code }) => <code>{code}</code> },
  { head: 'Name', cell: ({ name }) => name },
  { head: 'Priority', cell: ({ priority }) => <Num value={priority} />, isNumeric: true },
  {
    head: 'Orders take from it',
    cell: ({ isActive, isDefault }) => (
      <>
        <span class={`badge ${isActive ? 'good' : 'over'}`}>{isActive ? 'Active' : 'Inactive'}</span>
        {isDefault && <span class="muted"> default</span>}
      </>
    ),
  },
]

function editColumn(edit: (location: Location) => void): Column<Location> {
  return {
    head: 'Change',
    cell: (location) => (
      <Button variant="quiet" onClick={() => edit(location)}>
        Edit<span class="visually-hidden"> {location.code}</span>
      </Button>
    ),
  }
}
