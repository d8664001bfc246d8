import type { ServerResponse } from 'node:http'

/** Makes a signal that is aborted once the connection of an answer closes, and when the answer was sent. */
export function whenDisconnected(response: ServerResponse): AbortSignal {
  const disconnected = new AbortController()
  // its close has been
  if (response.destroyed) disconnected.abort()
  else response.once('close', () => disconnected.abort())
  return disconnected.signal
}
