import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { codedError } from './graphql-errors.ts'
import { asksForStatus } from './response-type.ts'

/** Documents by the id or the hash that clients send for them. Where there are some, nothing else runs. */
export type PersistedDocuments = ReadonlyMap<string, string>

/** A request as it came in, of any shape. */
type Params = { query?: unknown; documentId?: unknown; extensions?: unknown }

/** By this prefix the draft of GraphQL over HTTP tells a hash from another id. */
const HASH_PREFIX = 'sha256:'

/**
 * The text of the document that a request names, by `documentId` or as Apollo's clients do, by
 * `extensions.persistedQuery.sha256Hash`.
 *
 * An unknown hash is not answered with Apollo's "PersistedQueryNotFound", which asks for the text: it would be refused.
 *
 * @throws {GraphQLError} PERSISTED_DOCUMENT_NOT_FOUND for an id that nothing has, PERSISTED_DOCUMENT_REQUIRED for a
 *   request that brings a text of its own, or none
 */
export function findPersistedDocument(documents: PersistedDocuments, params: Params): string {
  const id = params.documentId ?? hashOf(params)
  if (typeof id !== 'string' || hasText(params)) {
    throw codedError(
      'Only persisted documents run here. Send documentId or extensions.persistedQuery.sha256Hash, and no query',
      'PERSISTED_DOCUMENT_REQUIRED',
    )
  }
  const hash = id.startsWith(HASH_PREFIX) ? id.slice(HASH_PREFIX.length) : id
  const document = documents.get(id) ?? documents.get(hash)
  if (document === undefined) {
    throw codedError('There is no persisted document of this id', 'PERSISTED_DOCUMENT_NOT_FOUND')
  }
  return document
}

/**
 * Refuses a request that names a document where none are persisted. Clients with automatic persisted queries know the words,
 * send the text, and try no hash again. A text beside a hash is run as any other.
 *
 * @throws {GraphQLError} PERSISTED_QUERY_NOT_SUPPORTED
 */
export function refusePersisted(params: Params): void {
  if (hasText(params)) return
  if (hashOf(params) !== undefined) {
    throw codedError('PersistedQueryNotSupported', 'PERSISTED_QUERY_NOT_SUPPORTED')
  }
  if (params.documentId != null) {
    throw codedError(
      'No documents are persisted here: send the query, and no documentId',
      'PERSISTED_QUERY_NOT_SUPPORTED',
    )
  }
}

/**
 * Puts the document in the place of its id in what Yoga answers itself: GET and streams.
 */
export function runPersistedDocuments(documents: PersistedDocuments | undefined): Plugin {
  return {
    onParams({ request, params, setParams }) {
      // of a GET Yoga reads no documentId
      const search = request.method === 'GET' ? new URL(request.url).searchParams : undefined
      const { documentId = search?.get('documentId') ?? undefined, ...rest } = params as typeof params &
        Params
      const asked = { ...rest, documentId }
      try {
        if (documents) setParams({ ...rest, query: findPersistedDocument(documents, asked) })
        else refusePersisted(asked)
      } catch (error) {
        // for Yoga: callers do not see it
        if (error instanceof GraphQLError && asksForStatus(request.headers.get('accept')))
          error.extensions.http = { status: 400 }
        throw error
      }
    },
  }
}

function hashOf({ extensions }: Params): unknown {
  return (extensions as { persistedQuery?: { sha256Hash?: unknown } } | null | undefined)?.persistedQuery
    ?.sha256Hash
}

/** WebSocket clients have to send a text: an empty one is none. */
function hasText({ query }: Params): boolean {
  return query != null && query !== ''
}
