import type { ServerResponse } from 'node:http'
import type { ExecutionResult } from 'graphql'
import { STREAM_PING_INTERVAL_MS } from '../limits.ts'
import { asSeen } from './errors.ts'

const HEADERS = {
  'content-type': 'text/event-stream',
  connection: 'keep-alive',
  'cache-control': 'no-cache',
  'content-encoding': 'none',
}
/** A comment, which clients pass over. */
const PING = ':\n\n'
const COMPLETE = 'event: complete\ndata:\n\n'

/**
 * Sends results as server-sent events, in the form of the GraphQL over SSE protocol with a connection for each operation.
 * The next result is asked for once there is room for it; a client that leaves ends them.
 *
 * @throws what the results fail with: the client is not told that they are complete
 */
export async function sendEvents(
  response: ServerResponse,
  results: AsyncIterable<ExecutionResult>,
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
  response.writeHead(200, HEADERS).write(PING)
  try {
    for await (const { errors, ...result } of { [Symbol.asyncIterator]: () => iterator }) {
      if (response.destroyed) return
      const seen = { ...result, ...(errors && { errors: errors.map(asSeen) }) }
      const hasRoom = response.write(`event: next\ndata: ${JSON.stringify(seen)}\n\n`)
      if (!hasRoom) await new Promise<void>((resolve) => (goOn = resolve))
    }
  } catch (error) {
    response.destroy()
    throw error
  } finally {
    // and not when it is closed, which it is once all is sent: what is written after the end fails, and ends the process
    clearInterval(pinging)
  }
  if (!response.destroyed) response.end(COMPLETE)
}

/** Ends results that nobody waits for. Nobody is left to be told that it fails. */
async function leave(results: AsyncIterator<ExecutionResult>): Promise<void> {
  try {
    await results.return?.()
  } catch {}
}
