import type { Authenticate } from '../domain/caller.ts'
import type { PersistedDocuments } from './graphql/persisted-documents.ts'
import type { CountByKey } from './overload/count-by-key.ts'

/** Which pages there are, and which others may call. */
export type WebOptions = {
  /** Sites, besides this server itself, whose pages may call. */
  corsOrigins: readonly string[]
  /** Whether the pages to try the APIs, and introspection, are on. */
  explorer: boolean
  /** Whether the console's pages are on. */
  servesConsole?: boolean | undefined
}

/** How the APIs are served, by whichever transport. */
export type ApiOptions = WebOptions & {
  authenticate: Authenticate
  /** Without it everyone is the local operator, and nobody may call but from this machine. */
  isAuthenticated: boolean
  persistedDocuments?: PersistedDocuments | undefined
  /** The event streams of each caller, over all APIs. */
  streams?: CountByKey
}
