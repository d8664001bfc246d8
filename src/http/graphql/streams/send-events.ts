import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { STREAM_PING_INTERVAL_MS } from '../../../limits.ts'
import type { StreamPosition } from '../../../schema/create-context.ts'
import { asSeen } from '../graphql-errors.ts'

export const EVENT_STREAM = 'text/event-stream'
export const EVENT_HEADERS = {
  'content-type': EVENT_STREAM,
  // a proxy that compresses waits for more
  'cache-control': 'no-cache, no-transform',
  // nginx collects answers, unless it is told not to
  'x-accel-buffering': 'no',
}
/** The id of an end that has no version: a client that comes back with it has nothing to come back for. */
export const END_ID = 'end'

/** A comment, which clients pass over. */
const PING = ':\n\n'

/**
 * Sends results as server-sent events, in the form of the GraphQL over SSE protocol with a connection for each operation.
 * The next result is asked for once there is room for it; a client that leaves ends them.
 *
 * Where the server goes away the stream just ends: by `complete`, or by an error, clients would take it for the end of what
 * they watch, and not come back.
 *
 * @param position has the version that each result is of, which becomes the id of its event
 * @throws what the results fail with: the client is not told that they are complete
 */
export async function sendEvents(
  response: ServerResponse,
  results: AsyncIterable<ExecutionResult>,
  position?: Pick<StreamPosition, 'version'>,
): Promise<void> {
  const iterator = results[Symbol.asyncIterator]()
  // its close has been
  if (response.destroyed) return void (await iterator.return?.())
  const pinging = setInterval(() => {
    if (!response.writableNeedDrain) response.write(PING)
  }, STREAM_PING_INTERVAL_MS)
  let goOn = () => {}
  response.on('drain', () => goOn())
  response.once('close', () => {
    clearInterval(pinging)
    goOn()
    void leave(iterator)
  })
  // some browsers take no notice of headers alone
  response.writeHead(200, EVENT_HEADERS).write(PING)
  try {
    for await (const result of { [Symbol.asyncIterator]: () => iterator }) {
      if (response.destroyed) return
      if (isGoingAway(result)) return void response.end()
      const hasRoom = response.write(toEvent('next', JSON.stringify(toSeen(result)), position?.version))
      if (!hasRoom) await new Promise<void>((resolve) => (goOn = resolve))
    }
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    // and not when it is closed, which it is once all is sent: what is written after the end fails, and ends the process
    clearInterval(pinging)
  }
  if (!response.destroyed) response.end(completeEvent(position?.version ?? END_ID))
}

/** The event by which clients know that there is nothing more to come. */
export function completeEvent(id?: number | string): string {
  return toEvent('complete', '', id)
}

function toEvent(name: string, data: string, id?: number | string): string {
  const idLine = id === undefined ? '' : `id: ${id}\n`
  return `${idLine}event: ${name}\ndata:${data && ` ${data}`}\n\n`
}

function toSeen({ errors, ...result }: ExecutionResult) {
  return { ...result, ...(errors && { errors: errors.map(asSeen) }) }
}

/** Whether the source of the results itself, and not a field of one, says that it is to be asked elsewhere. */
function isGoingAway({ data, errors }: ExecutionResult): boolean {
  return data === undefined && errors?.length === 1 && errors[0]!.extensions.code === 'UNAVAILABLE'
}

/** Ends results that nobody waits for. Nobody is left to be told that it fails. */
async function leave(results: AsyncIterator<ExecutionResult>): Promise<void> {
  try {
    await results.return?.()
  } catch {}
}
