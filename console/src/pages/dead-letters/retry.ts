import type { ResultOf } from 'gql.tada'
import { queries } from '../../api/client.ts'
import { graphql } from '../../api/graphql.ts'

export const RetryDocument = graphql(`
  mutation RetryDeadLetters($ids: [ID!]!) {
    retryDeadLetters(ids: $ids) {
      deadLetters {
        id
        order {
          id
          version
          status
        }
      }
    }
  }
`)

const AllDocument = graphql(`
  query AllDeadLetters($after: String) {
    deadLetters(first: 100, after: $after) {
      edges {
        node {
          id
        }
      }
      pageInfo {
        endCursor
        hasNextPage
      }
    }
  }
`)

/** What one call takes. */
const CALL_SIZE_MAX = 100
/** A hundred pages: some seconds. Who has more retries all once more. */
const IDS_MAX = 10_000

/** Reads which dead letters there are: those that come while they are retried are not among them. @throws {CombinedError} */
export async function readIds(): Promise<string[]> {
  const ids: string[] = []
  let after: string | null = null
  do {
    const { edges, pageInfo }: ResultOf<typeof AllDocument>['deadLetters'] = await readPage(after)
    ids.push(...edges.map(({ node }) => node.id))
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null
  } while (after !== null && ids.length < IDS_MAX)
  return ids
}

async function readPage(after: string | null) {
  const { data, error } = await queries.query(AllDocument, { after }, { requestPolicy: 'network-only' })
  if (!data) throw error
  return data.deadLetters
}

/**
 * Retries dead letters, as many calls as it takes. A second time it retries none again.
 *
 * @param onProgress hears how many were looked at so far
 * @returns how many were open until now
 * @throws {CombinedError} the rest is as it was
 */
export async function retryAll(
  ids: readonly string[],
  onProgress: (looked: number) => void,
): Promise<number> {
  let retried = 0
  for (let start = 0; start < ids.length; start += CALL_SIZE_MAX) {
    const chunk = ids.slice(start, start + CALL_SIZE_MAX)
    const { data, error } = await queries.mutation(RetryDocument, { ids: chunk })
    if (!data) throw error
    retried += data.retryDeadLetters.deadLetters.length
    onProgress(start + chunk.length)
  }
  return retried
}
