import type { ResultOf } from 'gql.tada'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../../api/graphql.ts'
import type { Read } from '../../api/use-read.ts'
import { Select } from '../../components/field.tsx'
import { LocationLink, OrderLink } from '../../components/links.tsx'
import { Loaded } from '../../components/loaded.tsx'
import { Pager, PagerFields } from '../../components/pager.tsx'
import { EmptyState } from '../../components/states.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'
import { withQuery } from '../../query-string.ts'
import type { Place } from './location-select.tsx'

export const LedgerDocument = graphql(
  `
    query Ledger($sku: String!, $location: String, $first: Int!, $after: String) {
      movements(sku: $sku, location: $location, first: $first, after: $after) {
        edges {
          node {
            id
            type
            createdAt
            delta
            availableAfter
            reservedDelta
            reservedAfter
            onHandAfter
            actor
            reason
            reference
            location {
              id
              code
            }
            order {
              id
            }
          }
        }
        pageInfo {
          ...PagerFields
        }
      }
    }
  `,
  [PagerFields],
)

/** One screen, below what the page has above it. */
export const PAGE_SIZE = 25

type Ledger = ResultOf<typeof LedgerDocument>
type Movement = Ledger['movements']['edges'][number]['node']

const COLUMNS: readonly Column<Movement>[] = [
  { head: 'Movement', cell: ({ type, id }) => <Name type={type} id={id} /> },
  { head: 'When', cell: ({ createdAt }) => <Time at={createdAt} /> },
  { head: 'Location', cell: ({ location }) => <LocationLink code={location.code} /> },
  {
    head: 'On hand',
    cell: ({ onHandAfter, delta, reservedDelta }) => (
      <Change after={onHandAfter} delta={delta + reservedDelta} />
    ),
    isNumeric: true,
  },
  {
    head: 'Available',
    cell: ({ availableAfter, delta }) => <Change after={availableAfter} delta={delta} />,
    isNumeric: true,
  },
  {
    head: 'Reserved',
    cell: ({ reservedAfter, reservedDelta }) => <Change after={reservedAfter} delta={reservedDelta} />,
    isNumeric: true,
  },
  { head: 'Cause', cell: (movement) => <Cause movement={movement} /> },
]

type LedgerSectionProps = { read: Read<Ledger>; locations: readonly Place[]; location: string | null }

/** Every change of the item's stock, newest first. */
export function LedgerSection({ read, locations, location }: LedgerSectionProps) {
  return (
    <>
      <div class="page-head">
        <h2>Ledger</h2>
        {locations.length > 1 && <LedgerFilter locations={locations} location={location} />}
      </div>
      <Loaded read={read}>
        {({ movements: { edges, pageInfo } }) => (
          <>
            {edges.length > 0 ? (
              <Table
                caption="Movements, newest first"
                columns={COLUMNS}
                rows={edges.map(({ node }) => node)}
                keyOf={({ id }) => id}
                anchorOf={({ id }) => id}
              />
            ) : (
              <EmptyState title="Nothing has moved">
                {location === null
                  ? 'Whatever changes the stock stands here from then on.'
                  : `Nothing of it was ever at ${location}. “Receive” and “Transfer” bring it there.`}
              </EmptyState>
            )}
            <Pager pageInfo={pageInfo} next="Older movements" first="Newest movements" />
          </>
        )}
      </Loaded>
    </>
  )
}

function LedgerFilter({ locations, location }: Omit<LedgerSectionProps, 'read'>) {
  const { path, route } = useLocation()
  return (
    <div class="inline-field">
      <Select
        label="Movements at"
        name="ledger-location"
        value={location ?? ''}
        options={[['', 'All locations'], ...locations.map(({ code }) => [code, code] as const)]}
        onInput={(code) => route(withQuery(path, { location: code }))}
      />
    </div>
  )
}

function Name({ type, id }: Pick<Movement, 'type' | 'id'>) {
  return (
    <span>
      {inWords(type)} <span class="muted num">#{id}</span>
    </span>
  )
}

/** `TRANSFER_OUT` as "Transfer out". */
function inWords(type: Movement['type']): string {
  return type[0] + type.slice(1).toLowerCase().replaceAll('_', ' ')
}

/** Before and after; where nothing changed only what is there. */
function Change({ after, delta }: { after: number; delta: number }) {
  if (delta === 0) {
    return (
      <span class="muted">
        <Num value={after} />
      </span>
    )
  }
  return (
    <span class="change">
      <Num value={after - delta} /> <span aria-hidden="true">→</span>
      <span class="visually-hidden"> to </span> <strong class="num">{after.toLocaleString()}</strong>
    </span>
  )
}

function Cause({ movement: { order, actor, reason, reference } }: { movement: Movement }) {
  const parts = [actor && `by ${actor}`, reason, reference && `ref. ${reference}`].filter(Boolean)
  return (
    <span>
      {order && <OrderLink id={order.id} />}
      {order && parts.length > 0 && ' · '}
      {parts.join(' · ')}
    </span>
  )
}
