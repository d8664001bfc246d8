import type { ResultOf } from 'gql.tada'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { withQuery } from '../query-string.ts'

export const PagerFields = graphql(`
  fragment PagerFields on PageInfo {
    endCursor
    hasNextPage
  }
`)

type PagerProps = { pageInfo: ResultOf<typeof PagerFields>; next: string; first: string }

/**
 * Links to the pages of a list: the address has the cursor, as `after`. So every page of a list can be linked to, the back button
 * goes back, and a live list reads one page again and not all that was seen.
 *
 * @param next what the link to the next page says
 * @param first what the link to the first one says
 */
export function Pager({ pageInfo: { endCursor, hasNextPage }, next, first }: PagerProps) {
  const { path, query } = useLocation()
  const isFirst = query.after === undefined
  if (isFirst && !hasNextPage) return null
  return (
    <nav class="pager" aria-label="Pages of the list">
      {!isFirst && <a href={withQuery(path, { ...query, after: undefined })}>{first}</a>}
      {hasNextPage && endCursor && <a href={withQuery(path, { ...query, after: endCursor })}>{next}</a>}
    </nav>
  )
}
