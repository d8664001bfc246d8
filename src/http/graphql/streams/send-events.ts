import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import type { StreamPosition } from '../../../schema/create-context.ts'
import { encodeEvent, writeEvents } from '../../streams/write-events.ts'
import { asSeen } from '../graphql-errors.ts'

/** The id of an end that has no version: a client that comes back with it has nothing to come back for. */
export const END_ID = 'end'

/**
 * Sends results as server-sent events, in the form of the GraphQL over SSE protocol with a connection for each operation.
 *
 * Where the server goes away the stream just ends: by `complete`, or by an error, clients would take it for the end of what
 * they watch, and not come back.
 *
 * @param position has the id that the event of each result gets
 * @throws what the results fail with: the client is not told that they are complete
 */
export function sendEvents(
  response: ServerResponse,
  results: AsyncIterable<ExecutionResult>,
  position?: Pick<StreamPosition, 'id'>,
): Promise<void> {
  return writeEvents(
    response,
    results,
    (result) =>
      isGoingAway(result)
        ? undefined
        : encodeEvent({ name: 'next', data: JSON.stringify(toSeen(result)), id: position?.id }),
    () => completeEvent(position?.id ?? END_ID),
  )
}

/** The event by which clients know that there is nothing more to come. */
export function completeEvent(id?: string): string {
  return encodeEvent({ name: 'complete', data: '', id })
}

function toSeen({ errors, ...result }: ExecutionResult) {
  return { ...result, ...(errors && { errors: errors.map(asSeen) }) }
}

/** Whether the source of the results itself, and not a field of one, says that it is to be asked elsewhere. */
function isGoingAway({ data, errors }: ExecutionResult): boolean {
  return data === undefined && errors?.length === 1 && errors[0]!.extensions.code === 'UNAVAILABLE'
}
