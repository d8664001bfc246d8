import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { useMay } from '../api/viewer.ts'
import { Button } from '../components/button.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { Pager, PagerFields } from '../components/pager.tsx'
import { EmptyState } from '../components/states.tsx'
import { CreateItemDialog } from './stock/create-item-dialog.tsx'
import { ItemRow, ItemTable } from './stock/item-table.tsx'
import { StockFilters, toItemFilter } from './stock/stock-filters.tsx'

const StockDocument = graphql(
  `
    query Stock($first: Int!, $after: String, $filter: InventoryItemFilter) {
      inventoryItems(first: $first, after: $after, filter: $filter) {
        edges {
          node {
            ...ItemRow
          }
        }
        pageInfo {
          ...PagerFields
        }
      }
    }
  `,
  [ItemRow, PagerFields],
)

/** Two screens. */
const PAGE_SIZE = 50

/** A stream of all stock would tell of every order of a busy shop; a page of the list is one look. */
const POLL_MS = 2_000

/** What there is of each SKU, over all locations: those items of the filters in the address. */
export function StockPage() {
  const { query } = useLocation()
  const mayCreate = useMay()('createInventoryItem')
  const [isCreating, setCreating] = useState(false)
  const filter = toItemFilter(query)
  const variables = { first: PAGE_SIZE, after: query.after ?? null, filter }
  const read = useRead(StockDocument, variables, POLL_MS)
  return (
    <Page
      title="Stock"
      actions={
        mayCreate && (
          <Button variant="primary" onClick={() => setCreating(true)}>
            New item
          </Button>
        )
      }
    >
      <StockFilters key={JSON.stringify(filter)} />
      <Loaded read={read}>
        {({ inventoryItems: { edges, pageInfo } }) => (
          <>
            {edges.length > 0 ? (
              <ItemTable items={edges.map(({ node }) => node)} />
            ) : (
              <NoItems
                isFiltered={Object.keys(filter).length > 0}
                create={mayCreate ? () => setCreating(true) : undefined}
              />
            )}
            <Pager pageInfo={pageInfo} next="More items" first="First items" />
          </>
        )}
      </Loaded>
      {isCreating && <CreateItemDialog onClose={() => setCreating(false)} />}
    </Page>
  )
}

function NoItems({ isFiltered, create }: { isFiltered: boolean; create: (() => void) | undefined }) {
  if (isFiltered) {
    return (
      <EmptyState title="No item fits">
        A SKU is compared from its beginning, in upper and lower case as it is written.{' '}
        <a href="/console/stock">Show all</a>
      </EmptyState>
    )
  }
  if (!create) {
    return (
      <EmptyState title="There are no items yet">
        An operator creates them, here or by <code>createInventoryItem</code>.
      </EmptyState>
    )
  }
  return (
    <EmptyState title="There are no items yet">
      <Button variant="primary" onClick={create}>
        Create the first
      </Button>{' '}
      or call <code>createInventoryItem</code> for each.
    </EmptyState>
  )
}
