import { GraphQLError, type GraphQLErrorOptions } from 'graphql'
import type { CallErrorCode } from '../../domain/errors.ts'

export type GraphQLErrorCode =
  | CallErrorCode
  // calls that are no request of GraphQL
  | RequestErrorCode
  // documents: as Yoga has them, and what ours may not be
  | 'GRAPHQL_PARSE_FAILED'
  | 'GRAPHQL_VALIDATION_FAILED'
  | 'OPERATION_RESOLUTION_FAILURE'
  | 'PERSISTED_DOCUMENT_NOT_FOUND'
  | 'PERSISTED_DOCUMENT_REQUIRED'
  // as Apollo's clients know it
  | 'PERSISTED_QUERY_NOT_SUPPORTED'
  | 'QUERY_TOO_COSTLY'
  // what became of an operation
  | 'TOO_MANY_STREAMS'
  | 'TIMED_OUT'
  | 'INTERNAL_SERVER_ERROR'

const REQUEST_CODES = {
  405: 'METHOD_NOT_ALLOWED',
  406: 'NOT_ACCEPTABLE',
  // as Yoga has it
  413: 'REQUEST_ENTITY_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
} as const

type RequestErrorCode = 'BAD_REQUEST' | (typeof REQUEST_CODES)[keyof typeof REQUEST_CODES]

/** The code of a call that is refused for its form alone, by its status. */
export function requestCodeOf(status: number): RequestErrorCode {
  return REQUEST_CODES[status as keyof typeof REQUEST_CODES] ?? 'BAD_REQUEST'
}

/** The code of an error of our own, of graphql-js or of Yoga, which calls a bad request what another method could do. */
export function codeOf({ extensions: { code, http } }: GraphQLError): GraphQLErrorCode {
  if (code !== undefined && code !== 'BAD_REQUEST') return code as GraphQLErrorCode
  return requestCodeOf((http as { status?: number } | undefined)?.status ?? 400)
}

/** @param options where in the document it is, and what else its extensions are to say */
export function codedError(
  message: string,
  code: GraphQLErrorCode,
  { extensions, ...where }: GraphQLErrorOptions = {},
): GraphQLError {
  return new GraphQLError(message, { ...where, extensions: { code, ...extensions } })
}

/**
 * An error as callers see it: with a code, and without what Yoga notes in it of how it would answer over HTTP, and takes
 * out of its own answers alone.
 */
export function asSeen(error: Error): GraphQLError {
  if (!(error instanceof GraphQLError)) return codedError(error.message, 'BAD_REQUEST')
  const { message, nodes, source, positions, path } = error
  const { http: _, code: __, ...extensions } = error.extensions
  return codedError(message, codeOf(error), { nodes, source, positions, path, extensions })
}

/** Message for calls shed under overload. */
export const OVERLOADED = 'There is too much to do. Try again in a moment'

/** Message for calls that meet no database. */
export const DATABASE_AWAY = 'The database is away. Try again in a moment'

export const UNAVAILABLE_RESULT = {
  errors: [codedError(OVERLOADED, 'UNAVAILABLE')],
}
