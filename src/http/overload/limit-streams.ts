import type { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { STREAMS_PER_CALLER_MAX } from '../../limits.ts'
import type { GraphQLContext } from '../../schema/create-context.ts'
import { codedError } from '../graphql/graphql-errors.ts'
import { CountByKey, connectionKeyOf } from './count-by-key.ts'

/**
 * Refuses an event stream to a caller that has too many open. Only subscriptions count, until their connection closes: other
 * calls on the same route end with their answer.
 */
export function limitStreams(): Plugin<GraphQLContext> {
  const streams = new CountByKey(STREAMS_PER_CALLER_MAX)
  return {
    onSubscribe({ args, setSubscribeFn }) {
      const { caller, transport, disconnected } = args.contextValue
      if (transport !== 'sse' || !disconnected) return
      const giveBack = streams.take(connectionKeyOf(caller))
      if (!giveBack) return setSubscribeFn(() => ({ errors: [tooMany()] }))
      if (disconnected.aborted) giveBack()
      else disconnected.addEventListener('abort', giveBack, { once: true })
    },
  }
}

/** Has no Retry-After: waiting does not help, the caller has to end a stream. */
function tooMany(): GraphQLError {
  const message = `You have ${STREAMS_PER_CALLER_MAX} streams open. One WebSocket can watch as many orders`
  // `http` is for Yoga: callers do not see it
  return codedError(message, 'TOO_MANY_STREAMS', { extensions: { http: { status: 429 } } })
}
