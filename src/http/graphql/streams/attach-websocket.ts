import type { IncomingMessage } from 'node:http'
import { CloseCode, type Server } from 'graphql-ws'
import type { Logger } from 'pino'
import type { WebSocket } from 'ws'
import type { Caller } from '../../../domain/caller.ts'
import type { DropReason } from '../../../feed/watch-tally.ts'
import { decodeUtf8 } from '../../requests/read-body.ts'
import { readRequestId } from '../../requests/request-id.ts'

/** Close codes of RFC 6455. */
const NORMAL = 1000
const NOT_CONSISTENT = 1007
/** Bytes, by the same: ours are ASCII. */
const CLOSE_REASON_MAX_BYTES = 123

/**
 * What a connection is told from another: its socket, the request that opened it and, once that is known, who did. `cutOff`
 * tells its views why it is closed, where it is not the client that leaves.
 */
export type Connection = {
  socket: WebSocket
  request: IncomingMessage
  cutOff: { readonly signal: AbortSignal; abort: (reason: DropReason) => void }
  caller?: Caller
}

/**
 * Has the protocol's server speak over a socket. In the place of graphql-ws' own `useServer`, which prints what goes
 * wrong to the console: raw, and for whoever sends a frame too many.
 *
 * @param options.pingIntervalMs a peer that has not answered one ping by the next is cut off
 */
export function attachWebSocket(
  server: Server<Connection>,
  connection: Connection,
  options: { pingIntervalMs: number; logger: Logger },
): void {
  const { socket, request, cutOff } = connection
  const { pingIntervalMs, logger } = options
  const about = (error: unknown) => ({ err: error, requestId: readRequestId(request) })
  const fail = (error: unknown) => {
    logger.error(about(error), 'WebSocket failed')
    cutOff.abort('error')
    socket.close(CloseCode.InternalServerError, 'Internal server error')
  }

  const closed = server.opened(
    {
      protocol: socket.protocol,
      send: (data) => send(socket, data),
      close: (code, reason) =>
        refuseSocket(connection, logger, code ?? CloseCode.InternalServerError, reason),
      onMessage: (receive) =>
        socket.on('message', (data: Buffer) => {
          const text = decodeUtf8(data)
          // of frames that say that they are text ws has seen to it
          if (text === undefined)
            return refuseSocket(connection, logger, NOT_CONSISTENT, 'The message is not UTF-8')
          receive(text).catch(fail)
        }),
    },
    connection,
  )

  let isAlive = true
  socket.on('pong', () => {
    isAlive = true
  })
  const pinging = setInterval(() => {
    if (!isAlive) {
      cutOff.abort('unresponsive')
      return socket.terminate()
    }
    isAlive = false
    socket.ping()
  }, pingIntervalMs)
  // a frame too large, or none at all: ws closes the connection with the code that fits
  socket.on('error', (error) => logger.info(about(error), 'WebSocket connection failed'))
  socket.once('close', (code, reason) => {
    clearInterval(pinging)
    closed(code, String(reason)).catch((error) => logger.error(about(error), 'WebSocket close failed'))
  })
}

/**
 * Closes a connection whose client did something that it may not, or may not now, and tells the client and the log why.
 *
 * @param reason cut to what a close frame takes
 */
export function refuseSocket(
  { socket, request }: Connection,
  logger: Logger,
  code: number,
  reason = '',
): void {
  // a close of one that is closing already says nothing to anybody
  if (socket.readyState !== socket.OPEN) return
  if (code !== NORMAL) logger.info({ code, reason, requestId: readRequestId(request) }, 'WebSocket refused')
  socket.close(code, reason.slice(0, CLOSE_REASON_MAX_BYTES))
}

/** Resolves when the data is on its way; data for a connection that is gone is dropped. */
function send(socket: WebSocket, data: string): Promise<void> {
  return new Promise((resolve, reject) => {
    if (socket.readyState !== socket.OPEN) return resolve()
    socket.send(data, (error) => (error ? reject(error) : resolve()))
  })
}
