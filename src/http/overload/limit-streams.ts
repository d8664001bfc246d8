import type { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { STREAMS_PER_CALLER_MAX } from '../../limits.ts'
import type { GraphQLContext } from '../../schema/create-context.ts'
import { codedError } from '../graphql/graphql-errors.ts'
import { CountByKey, connectionKeyOf } from './count-by-key.ts'

/**
 * Refuses a stream of server-sent events to a caller that has too many open. Counted are subscriptions alone, until their
 * connection is over: any other call that takes the same way is answered and done.
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

/** No wait would help: the caller has to end one. */
function tooMany(): GraphQLError {
  const message = `You have ${STREAMS_PER_CALLER_MAX} streams open. One WebSocket can watch as many orders`
  // `http` is for Yoga: callers do not see it
  return codedError(message, 'TOO_MANY_STREAMS', { extensions: { http: { status: 429 } } })
}
