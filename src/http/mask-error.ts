import { GraphQLError } from 'graphql'
import { QueueFullError } from '../database/queue-full-error.ts'
import { isUnavailable } from '../database/unavailable.ts'
import { CallError, RateLimitedError } from '../domain/errors.ts'
import type { Logger } from '../observability/logger.ts'
import { OVERLOADED } from './unavailable-result.ts'

/**
 * What a caller sees of an error: those that they caused or can act on, with a code; of all others only that there was
 * one. What is hidden is logged whole.
 *
 * @param error as graphql-js gives it: a GraphQLError, around what was thrown
 * @param message for what is hidden
 */
export function maskError(error: unknown, message: string, logger: Logger): Error {
  const located = error instanceof GraphQLError ? error : undefined
  const thrown = located?.originalError ?? error
  if (thrown instanceof RateLimitedError) {
    return withCode(thrown.message, thrown.code, located, { retryAfter: thrown.retryAfterS })
  }
  if (thrown instanceof CallError) return withCode(thrown.message, thrown.code, located)
  if (isUnavailable(thrown)) {
    // refusals are counted, and logged together
    if (thrown instanceof QueueFullError) return withCode(OVERLOADED, 'UNAVAILABLE', located)
    logger.warn({ err: thrown }, 'the database is away')
    return withCode('The database is away. Try again in a moment', 'UNAVAILABLE', located)
  }
  // what graphql-js and its plugins say of the request itself: syntax, validation, variables, cursors
  if (thrown instanceof GraphQLError)
    return thrown === located ? thrown : withCode(thrown.message, 'BAD_USER_INPUT', located)
  logger.error({ err: thrown, path: located?.path }, 'unexpected error')
  return withCode(message, 'INTERNAL_SERVER_ERROR', located)
}

function withCode(
  message: string,
  code: string,
  located: GraphQLError | undefined,
  details?: { retryAfter: number },
): GraphQLError {
  return new GraphQLError(message, {
    nodes: located?.nodes,
    source: located?.source,
    positions: located?.positions,
    path: located?.path,
    extensions: { code, ...details },
  })
}
