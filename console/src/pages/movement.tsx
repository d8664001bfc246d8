import { useEffect } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { itemPath } from '../components/links.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState, Skeleton } from '../components/states.tsx'

const MovementDocument = graphql(`
  query Movement($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on InventoryMovement {
        sku
      }
    }
  }
`)

/** Leads from a movement, which a log or a webhook names by its number alone, to the ledger that it is in. */
export function MovementPage() {
  const { id = '' } = useRoute().params
  const { route } = useLocation()
  const read = useRead(MovementDocument, { id })
  const node = read.data?.node
  const sku = node?.__typename === 'InventoryMovement' ? node.sku : undefined
  useEffect(() => {
    if (sku !== undefined) route(`${itemPath(sku)}#${id}`, true)
  }, [sku, id])
  return (
    <Page title={`Movement ${id}`}>
      <Loaded read={read}>{() => (sku === undefined ? <NoMovement /> : <Skeleton />)}</Loaded>
    </Page>
  )
}

function NoMovement() {
  return (
    <EmptyState title="There is no such movement">
      Compare its number. Every movement of a SKU is in the ledger of its item: look among{' '}
      <a href="/console/stock">all items</a>.
    </EmptyState>
  )
}
