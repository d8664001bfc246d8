import { initGraphQLTada } from 'gql.tada'
import type { introspection } from '../generated/introspection.ts'

/**
 * Makes a document whose result and variables have types, from its text and the schema: no step writes files for it. `npm run
 * check` fails on a document that names what `schema.graphql` does not have.
 */
export const graphql = initGraphQLTada<{
  introspection: introspection
  scalars: { DateTime: string; JSON: unknown; Quantity: number }
  disableMasking: true
}>()
