import { GraphQLError } from 'graphql'

/** An error as callers see it. Yoga notes in it how it would answer over HTTP, and takes that out of its own answers alone. */
export function withoutStatus(error: GraphQLError): GraphQLError {
  const { http: _, ...extensions } = error.extensions
  const { message, nodes, source, positions, path, originalError } = error
  return new GraphQLError(message, { nodes, source, positions, path, originalError, extensions })
}
