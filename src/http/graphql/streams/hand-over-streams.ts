import type { ExecutionResult, GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { codedError, requestCodeOf } from '../graphql-errors.ts'
import { JSON_RESPONSE_TYPE, RESPONSE_TYPE } from '../response-type.ts'

/** Takes the results of a subscription, to send them. */
export type TakeResults = (results: AsyncIterable<ExecutionResult>) => void

/** Hands the results of a subscription to who asked for it, in the place of an answer that streams them. */
export const handOverStreams: Plugin<object, { takeResults?: TakeResults }> = {
  onResultProcess({ request, result, resultProcessor, setResultProcessor, serverContext: { takeResults } }) {
    if (!(Symbol.asyncIterator in result)) return
    // the client takes no stream of ours, as Apollo's without a link for subscriptions: it asks for multipart/mixed
    if (!resultProcessor) {
      void result[Symbol.asyncIterator]().return?.()
      const body = JSON.stringify({ errors: [streamsServed(406)] })
      // of a status that is no success, the body of this type alone is shown by Apollo's client
      const type = request.headers.get('accept')?.includes('subscriptionSpec')
        ? RESPONSE_TYPE
        : JSON_RESPONSE_TYPE
      const init = { status: 406, headers: { 'content-type': type } }
      setResultProcessor((_result, { Response }) => new Response(body, init), type)
    } else if (takeResults) {
      setResultProcessor((_result, { Response }) => {
        takeResults(result)
        return new Response(null)
      }, 'text/event-stream')
    }
  },
}

/** What a client is told that asks for a subscription in another way than those that are served. */
export function streamsServed(status: number): GraphQLError {
  const message =
    'Subscriptions are served over WebSocket (ws://…/graphql, protocol graphql-transport-ws, as graphql-ws speaks it) and as server-sent events (accept: text/event-stream)'
  return codedError(message, requestCodeOf(status))
}
