import type { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { STREAMS_PER_CALLER_MAX } from '../../limits.ts'
import type { GraphQLContext } from '../../schema/create-context.ts'
import { codedError } from '../graphql/graphql-errors.ts'
import { type CountByKey, connectionKeyOf } from './count-by-key.ts'

/**
 * Refuses an event stream to a caller that has too many open. Only subscriptions count, until their connection closes: other
 * calls on the same route end with their answer.
 *
 * @param streams counted with those of the REST API
 */
export function limitStreams(streams: CountByKey): Plugin<GraphQLContext> {
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

/** Message for a caller that has too many streams open. */
export const TOO_MANY_STREAMS = `You have ${STREAMS_PER_CALLER_MAX} streams open. One WebSocket can watch as many orders`

/** Has no Retry-After: waiting does not help, the caller has to end a stream. */
function tooMany(): GraphQLError {
  // `http` is for Yoga: callers do not see it
  return codedError(TOO_MANY_STREAMS, 'TOO_MANY_STREAMS', { extensions: { http: { status: 429 } } })
}
