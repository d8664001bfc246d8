import type { ExecutionResult } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Takes the results of a subscription, to send them. */
export type TakeResults = (results: AsyncIterable<ExecutionResult>) => void

/** Hands the results of a subscription to who asked for it, in the place of an answer that streams them. */
export const handOverStreams: Plugin<object, { takeResults?: TakeResults }> = {
  onResultProcess({ result, resultProcessor, setResultProcessor, serverContext: { takeResults } }) {
    // without a processor the client takes no stream
    if (!takeResults || !resultProcessor || !(Symbol.asyncIterator in result)) return
    setResultProcessor((_result, { Response }) => {
      takeResults(result)
      return new Response(null)
    }, 'text/event-stream')
  },
}
