import { GraphQLError } from 'graphql'

/** The code of an error that says nothing but that the call was malformed. */
export const BAD_REQUEST = 'BAD_REQUEST'

/**
 * An error as callers see it: with a code, and without what Yoga notes in it of how it would answer over HTTP, and takes
 * out of its own answers alone.
 */
export function withCode(error: Error): GraphQLError {
  if (!(error instanceof GraphQLError))
    return new GraphQLError(error.message, { extensions: { code: BAD_REQUEST } })
  const { message, nodes, source, positions, path } = error
  const { http: _, ...extensions } = error.extensions
  return new GraphQLError(message, {
    nodes,
    source,
    positions,
    path,
    extensions: { code: BAD_REQUEST, ...extensions },
  })
}
