import { connect, type Socket } from 'node:net'

/** One answer; the body is read as Latin-1, for a length in characters that is the length in bytes. */
export type HttpAnswer = { status: number; head: string; body: string }

const READ_BUFFER_BYTES = 16 * 1024
const STATUS_AT = 'HTTP/1.1 '.length

/**
 * A keep-alive connection that has one request under way at a time. Knows as little of HTTP as it takes to find the end
 * of an answer: what it costs is taken from the server, which shares the machine.
 */
export class HttpConnection {
  readonly #socket: Socket
  readonly #onAnswer: (answer: HttpAnswer) => void
  #received = ''

  private constructor(socket: Socket, onAnswer: (answer: HttpAnswer) => void) {
    this.#socket = socket
    this.#onAnswer = onAnswer
  }

  /** @param onError hears of a connection that breaks, or that the server closes before `close` */
  static open(
    { hostname, port }: URL,
    { onAnswer, onError }: { onAnswer: (answer: HttpAnswer) => void; onError: (error: Error) => void },
  ): Promise<HttpConnection> {
    return new Promise((resolve) => {
      const socket = connect({
        host: hostname,
        port: Number(port),
        noDelay: true,
        onread: {
          // one buffer for the life of the connection, in place of one for each read
          buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
          callback: (length, buffer) => {
            connection.#read((buffer as Buffer).toString('latin1', 0, length))
            return true
          },
        },
      })
      const connection = new HttpConnection(socket, onAnswer)
      socket.on('error', onError)
      socket.on('end', () => onError(new Error('The server closed a connection')))
      socket.on('connect', () => resolve(connection))
    })
  }

  send(request: Buffer): void {
    this.#socket.write(request)
  }

  close(): void {
    this.#socket.destroy()
  }

  #read(text: string): void {
    this.#received = this.#received === '' ? text : this.#received + text
    const answer = parseAnswer(this.#received)
    if (!answer) return
    this.#received = ''
    this.#onAnswer(answer)
  }
}

/**
 * The answer, once all of it is there.
 *
 * @throws for what cannot be an answer to one request, or is more than one
 */
function parseAnswer(text: string): HttpAnswer | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd < 0) return
  const status = Number(text.slice(STATUS_AT, STATUS_AT + 3))
  const head = text.slice(0, headEnd + 2)
  const bodyAt = headEnd + 4
  const length = /\r\ncontent-length: *(\d+)\r\n/i.exec(head)?.[1]
  if (length !== undefined) {
    const end = bodyAt + Number(length)
    if (text.length < end) return
    if (text.length > end) throw new Error(`More than one answer to one request: ${text}`)
    return { status, head, body: text.slice(bodyAt) }
  }
  if (!/\r\ntransfer-encoding: *chunked\r\n/i.test(head)) throw new Error(`No length in an answer: ${text}`)
  const body = joinChunks(text, bodyAt)
  return body === undefined ? undefined : { status, head, body }
}

function joinChunks(text: string, from: number): string | undefined {
  let body = ''
  for (let at = from; ; ) {
    const sizeEnd = text.indexOf('\r\n', at)
    if (sizeEnd < 0) return
    const size = Number.parseInt(text.slice(at, sizeEnd), 16)
    if (Number.isNaN(size)) throw new Error(`Not a chunk: ${text.slice(at)}`)
    const chunkEnd = sizeEnd + 2 + size
    if (text.length < chunkEnd + 2) return
    if (size === 0) return body
    body += text.slice(sizeEnd + 2, chunkEnd)
    at = chunkEnd + 2
  }
}
