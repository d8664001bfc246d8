import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { Button } from '../components/button.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { Pager, PagerFields } from '../components/pager.tsx'
import { EmptyState } from '../components/states.tsx'
import { DeadLetterRow, DeadLetterTable } from './dead-letters/dead-letter-table.tsx'
import { RetryAllDialog } from './dead-letters/retry-all-dialog.tsx'
import { RetryDialog } from './order/verbs/retry-dialog.tsx'

const DeadLettersDocument = graphql(
  `
    query DeadLetters($first: Int!, $after: String) {
      deadLetters(first: $first, after: $after) {
        edges {
          node {
            ...DeadLetterRow
          }
        }
        pageInfo {
          ...PagerFields
        }
      }
    }
  `,
  [DeadLetterRow, PagerFields],
)

/** A screen: each has an error of several lines. */
const PAGE_SIZE = 25

const POLL_MS = 2_000

/** Work that was given up, until somebody retries it. */
export function DeadLettersPage() {
  const { query } = useLocation()
  const read = useRead(DeadLettersDocument, { first: PAGE_SIZE, after: query.after ?? null }, POLL_MS)
  const [asks, setAsks] = useState(false)
  const [retried, setRetried] = useState<string | null>(null)
  const isEmpty = read.data?.deadLetters.edges.length === 0
  return (
    <Page
      title="Dead letters"
      actions={read.data && !isEmpty && <Button onClick={() => setAsks(true)}>Retry all</Button>}
    >
      <p class="muted">
        Work that failed too often and ended its order. Mend what was wrong, then retry: the order is pending
        again, and reserving starts anew.
      </p>
      <Loaded read={read}>
        {({ deadLetters: { edges, pageInfo } }) => (
          <>
            {edges.length > 0 ? (
              <DeadLetterTable deadLetters={edges.map(({ node }) => node)} retry={setRetried} />
            ) : (
              <EmptyState title="There are no dead letters">
                All work was done. What fails too often, here or at the supplier, stands here until you retry
                it.
              </EmptyState>
            )}
            <Pager pageInfo={pageInfo} next="Older dead letters" first="Newest dead letters" />
          </>
        )}
      </Loaded>
      {retried !== null && (
        <RetryDialog letterId={retried} refresh={read.refresh} onClose={() => setRetried(null)} />
      )}
      {asks && <RetryAllDialog onDone={read.refresh} onClose={() => setAsks(false)} />}
    </Page>
  )
}
