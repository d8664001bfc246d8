import type { Plugin } from 'graphql-yoga'
import { codedError } from './errors.ts'

/** Documents by the id or the hash that clients send for them. Where there are some, nothing else runs. */
export type PersistedDocuments = ReadonlyMap<string, string>

/** A request as it came in, of any shape. */
type Params = { query?: unknown; documentId?: unknown; extensions?: unknown }

/**
 * The text of the document that a request names, by `documentId` or as Apollo's clients do, by
 * `extensions.persistedQuery.sha256Hash`.
 *
 * @throws {GraphQLError} PERSISTED_DOCUMENT_NOT_FOUND for an id that nothing has, PERSISTED_DOCUMENT_REQUIRED for a
 *   request that brings a text of its own, or none
 */
export function findPersistedDocument(documents: PersistedDocuments, params: Params): string {
  const { query, documentId, extensions } = params
  const hash = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | null | undefined)
    ?.persistedQuery?.sha256Hash
  const id = documentId ?? hash
  // WebSocket clients have to send a text: an empty one is none
  const hasText = query != null && query !== ''
  if (typeof id !== 'string' || hasText) {
    throw codedError(
      'Only persisted documents run here. Send documentId or extensions.persistedQuery.sha256Hash, and no query',
      'PERSISTED_DOCUMENT_REQUIRED',
    )
  }
  const document = documents.get(id)
  if (document === undefined) {
    throw codedError('There is no persisted document of this id', 'PERSISTED_DOCUMENT_NOT_FOUND')
  }
  return document
}

/** Puts the document in the place of its id in what Yoga answers itself: GET and streams. */
export function runPersistedDocuments(documents: PersistedDocuments): Plugin {
  return {
    onParams({ params, setParams }) {
      const { documentId: _, ...rest } = params as typeof params & Params
      setParams({ ...rest, query: findPersistedDocument(documents, params) })
    },
  }
}
