import { runProcess } from './child-process.ts'

/** What load to put on a server. */
export type HttpLoad = {
  /** Base URL, of this machine. */
  url: string
  path: string
  /** JSON, the same for every request. */
  body: string
  /** Kept open; each has one request under way at any time. */
  connections: number
  /** Before anything is counted: the server's code is compiled meanwhile. */
  warmUpS: number
  durationS: number
  /** The only status that counts as an answer. */
  status: number
  /** What the body of every answer has in it. */
  bodyIncludes: string
}

/** What came of a load that was put on something. */
export type LoadResult = {
  /** Answers a second while it was measured. */
  perSecond: number
  latencyMs: { p50: number; p90: number; p99: number; max: number }
  /** All that were answered, also before and after the time that was measured. */
  answered: number
  /** Processor time of the load generator an answer: a cost that is in every figure of this machine. */
  generatorUsPerAnswer: number
}

/**
 * Puts load on a server from a process of its own: its cost is the same whatever it is put on, and its garbage is
 * nobody else's.
 *
 * @throws at the first answer that is not as expected, with that answer
 */
export function putHttpLoad(load: HttpLoad): Promise<LoadResult> {
  return runProcess<LoadResult>('bench/http-load-process.ts', load)
}

/** The request of a load, as it goes over the line. */
export function encodeRequest({ url, path, body }: Pick<HttpLoad, 'url' | 'path' | 'body'>): Buffer {
  const head = [
    `POST ${path} HTTP/1.1`,
    `Host: ${new URL(url).host}`,
    'Accept: application/json',
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`)
}
