import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { PROBLEM_TYPE } from '../rest/problem.ts'
import { endAndDrop } from './drop-unread-body.ts'

/** By the code of Node's error; any other is MALFORMED. */
const PARSER_REFUSALS: Record<string, { status: number; detail: string }> = {
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The headers are larger than 16 kB' },
  HPE_CHUNK_EXTENSIONS_OVERFLOW: { status: 413, detail: 'The chunk extensions are larger than 16 kB' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request took too long to arrive' },
}
const MALFORMED = { status: 400, detail: 'This is not a request of HTTP/1.1' }

const refused = new WeakSet<Socket>()

/** Connections on which a body comes that has a time of its own. */
const slow = new WeakSet<Socket>()

/**
 * Gives the body that comes on a connection another time than Node's, which is one for all requests.
 *
 * @returns a function that says that the body is there
 */
export function allowSlowBody(socket: Socket, timeoutMs: number): () => void {
  slow.add(socket)
  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  return () => {
    clearTimeout(timer)
    slow.delete(socket)
  }
}

/** Answers what Node's parser cannot read, and so hands to no listener. */
export function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  // Node says so once, and leaves the connection as it is
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && slow.has(socket)) return
  // the parser fails again with each packet that follows
  if (refused.has(socket)) return
  refused.add(socket)
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const { status, detail } = PARSER_REFUSALS[error.code ?? ''] ?? MALFORMED
  const title = STATUS_CODES[status]!
  const problem = { type: 'about:blank', title, status, detail, code: 'BAD_REQUEST' }
  endAndDrop(socket, status, [`Content-Type: ${PROBLEM_TYPE}`], problem)
}
