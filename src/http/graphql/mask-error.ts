import { GraphQLError, type GraphQLErrorOptions } from 'graphql'
import type { Logger } from 'pino'
import { isUnavailable, QueueFullError } from '../../database/unavailable.ts'
import { CallError, RateLimitedError } from '../../domain/errors.ts'
import { codedError, DATABASE_AWAY, type GraphQLErrorCode, OVERLOADED } from './graphql-errors.ts'

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
  const where = located && placeOf(located)
  if (thrown instanceof RateLimitedError) {
    const extensions = { retryAfter: thrown.retryAfterS }
    return codedError(thrown.message, thrown.code, { ...where, extensions })
  }
  if (thrown instanceof CallError) return codedError(thrown.message, thrown.code, where)
  if (isUnavailable(thrown)) {
    // refusals are counted, and logged together
    if (thrown instanceof QueueFullError) return codedError(OVERLOADED, 'UNAVAILABLE', where)
    logger.warn({ err: thrown }, 'database away')
    return codedError(DATABASE_AWAY, 'UNAVAILABLE', where)
  }
  // what graphql-js and its plugins say of the request itself: syntax, validation, variables, cursors
  if (thrown instanceof GraphQLError)
    return thrown === located
      ? thrown
      : codedError(thrown.message, (thrown.extensions.code ?? 'BAD_USER_INPUT') as GraphQLErrorCode, where)
  logger.error({ err: thrown, path: located?.path }, 'unexpected error')
  return codedError(message, 'INTERNAL_SERVER_ERROR', where)
}

function placeOf({ nodes, source, positions, path }: GraphQLError): GraphQLErrorOptions {
  return { nodes, source, positions, path }
}
