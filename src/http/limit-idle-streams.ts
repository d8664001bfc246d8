import type { ServerResponse } from 'node:http'
import type { Plugin } from 'graphql-yoga'
import { IDLE_TIMEOUT_MS } from '../limits.ts'

/**
 * Has streams of server-sent events keep to the limit on connections on which nothing moves. Yoga takes that off as it
 * begins to send one, and a client that does not read, once its connection is full, would be kept for as long as it likes.
 */
export const limitIdleStreams: Plugin = {
  onResponse({ serverContext }) {
    const { res } = serverContext as { res?: ServerResponse }
    // Yoga begins in the same turn in which it has the response
    setImmediate(() => {
      if (res && !res.writableEnded) res.socket?.setTimeout(IDLE_TIMEOUT_MS)
    })
  },
}
