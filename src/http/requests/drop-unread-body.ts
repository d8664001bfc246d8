import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { type Duplex, finished, type Readable } from 'node:stream'
import { UNREAD_BODY_MAX_BYTES, UNREAD_BODY_TIMEOUT_MS } from '../../limits.ts'

/**
 * Reads what is left of a request's body once it is answered, and drops it, before its connection goes on or closes. A
 * connection that is closed while its client still sends is reset, and the reset takes the answer with it: a client that
 * writes before it reads never learns why it was refused, and nginx takes the server for one that failed.
 *
 * For a bounded time and amount: who sends on and on is cut off.
 */
export function dropUnreadBody(request: IncomingMessage, response: ServerResponse): void {
  if (!hasBody(request)) return
  // first: Node's own listener is the one that closes
  response.prependOnceListener('finish', () => {
    if (request.complete) return
    const isToClose = !response.shouldKeepAlive || response.getHeader('connection') === 'close'
    if (isToClose) return dropRest(request)
    // at once: a body that nobody has begun to read Node drops itself, uncounted
    request.read(0)
    // a small body came with its headers, and is there before the loop goes on: it needs no watching, which would double
    // what a refusal costs
    setImmediate(() => (request.complete ? request.resume() : dropRest(request)))
  })
}

function dropRest(request: IncomingMessage): void {
  const { socket } = request
  const timer = bound(request, () => socket.destroy())
  // what Node calls after an answer that says `Connection: close`
  let isToClose = false
  socket.destroySoon = () => {
    isToClose = true
  }
  finished(request, () => {
    clearTimeout(timer)
    Reflect.deleteProperty(socket, 'destroySoon')
    if (isToClose) socket.destroySoon()
  })
  request.resume()
  request.read(0)
}

/** Cuts off a sender that takes too long or sends too much. @returns the timer, for when it is done */
function bound(sender: Readable, cutOff: () => void): NodeJS.Timeout {
  let leftBytes = UNREAD_BODY_MAX_BYTES
  sender.on('data', ({ length }: Buffer) => {
    leftBytes -= length
    if (leftBytes < 0) cutOff()
  })
  return setTimeout(cutOff, UNREAD_BODY_TIMEOUT_MS)
}

function hasBody({ headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers
  return length !== '0' || coding !== undefined
}

/**
 * Ends a connection that is no request's any more with this answer, and drops what still comes, within the same bounds.
 *
 * @param headers lines
 */
export function endAndDrop(socket: Duplex, status: number, headers: readonly string[], body: object): void {
  const cutOff = () => socket.destroy()
  const timer = bound(socket, cutOff)
  // unheard, a client that hangs up first ends the process
  socket.on('error', cutOff)
  socket.once('close', () => clearTimeout(timer))
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    ...headers,
    `Content-Length: ${Buffer.byteLength(text)}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
  socket.resume()
}
