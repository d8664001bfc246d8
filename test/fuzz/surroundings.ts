import type { Choices } from './choices.ts'
import type { Call } from './send.ts'
import type { Corpus } from './values.ts'

/** Which of the servers is called: without authentication, with it, or with it and without the explorer. */
export const SERVERS = ['open', 'guarded', 'hidden'] as const
export type ServerName = (typeof SERVERS)[number]

/** A call, to which server, and who makes it. */
export type Surroundings = Call & { server: ServerName; caller: string }

/** Headers that say something of where a call comes from, to which the service listens. */
const ODD_HEADERS: readonly Record<string, string>[] = [
  { origin: 'http://elsewhere.test' },
  { origin: 'null' },
  { 'sec-fetch-site': 'cross-site' },
  { host: 'elsewhere.test' },
  { host: 'localhost' },
  { host: '' },
  { 'x-request-id': "'; drop table orders; --" },
  { 'x-request-id': 'x'.repeat(300) },
  { 'x-forwarded-for': '10.0.0.1', 'x-forwarded-host': 'elsewhere.test', forwarded: 'for=10.0.0.1' },
  { 'accept-encoding': 'gzip, br', 'accept-language': '*' },
  { 'content-encoding': 'gzip' },
  { 'x-http-method-override': 'DELETE' },
  { cookie: 'a=b; c' },
  { range: 'bytes=0-1' },
  { 'if-none-match': '*' },
  { 'accept-version': '9.0.0' },
]

/**
 * Whom a call comes from, and how, without what it asks for.
 *
 * @param corpus has the names of callers as `caller`, and of each the header as `authorization of …`
 */
export function generateSurroundings(
  choices: Choices,
  corpus: Corpus,
): Surroundings & { headers: Record<string, string> } {
  const server = choices.weighted<ServerName>([
    [4, 'open'],
    [6, 'guarded'],
    [1, 'hidden'],
  ])
  const caller = choices.pick(corpus.caller as string[])
  const authorization = corpus[`authorization of ${caller}`]?.[0] as string | undefined
  return {
    server,
    caller,
    method: 'GET',
    path: '/',
    headers: {
      ...(authorization !== undefined && { authorization }),
      ...(choices.oneIn(30) && choices.pick(ODD_HEADERS)),
    },
  }
}
