import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyError, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import type { ExecutionResult } from 'graphql'
import { CallError } from '../../domain/errors.ts'
import type { DropReason } from '../../feed/watch-tally.ts'
import { RETRY_AFTER_S } from '../../limits.ts'
import { challenge } from '../access/create-authenticate.ts'
import type { ApiOptions } from '../api-options.ts'
import { decodeUtf8, JSON_TYPE, NOT_UTF_8, takeBodyType } from '../requests/read-body.ts'
import { collectMethods } from '../requests/refuse-other-methods.ts'
import { statusOfCallError } from '../rest/problem.ts'
import { EVENT_HEADERS, EVENT_STREAM } from '../streams/write-events.ts'
import { codedError, type GraphQLErrorCode, requestCodeOf } from './graphql-errors.ts'
import { GRAPHQL_PATH, type GraphQLServer } from './graphql-server.ts'
import { createLeanHandler } from './lean-handler.ts'
import { completeEvent, END_ID, sendEvents } from './streams/send-events.ts'

/**
 * Mounts GraphQL on Fastify. A plain POST of JSON takes a lean path through graphql-http; GET, server-sent events and
 * GraphiQL go to Yoga. Both run the same enveloped parse, validate and execute: the same plugins, masking and caches.
 *
 * Yoga's conversion of Node's request to its Request and back costs more than everything else: 2,800 to 4,000 empty mutations a
 * second, against 11,700 on the lean path. We send streams ourselves: see `answerByYoga`.
 */
export function graphqlRoutes(
  server: GraphQLServer,
  { authenticate, explorer, persistedDocuments }: ApiOptions,
): FastifyPluginAsync {
  return async (fastify) => {
    const handle = createLeanHandler(server, persistedDocuments)

    const refuseOtherMethods = collectMethods(fastify, (detail) => refusalOf(405, detail))
    const takeCaller = async (request: FastifyRequest) => {
      const isStranger = explorer && asksForPage(request.raw)
      if (!isStranger) request.caller = await authenticate(request.headers.authorization)
    }
    fastify.removeAllContentTypeParsers()
    fastify.addContentTypeParser<Buffer>(
      'application/json',
      { parseAs: 'buffer' },
      (_request, body, done) => {
        const text = decodeUtf8(body)
        if (text === undefined) done(refusalOf(400, NOT_UTF_8))
        else done(null, text)
      },
    )
    fastify.setErrorHandler<FastifyError | CallError>((error, request, reply) => {
      if (error instanceof CallError) return refuse(error, reply)
      const { statusCode = 500 } = error
      const isOurs = statusCode >= 500
      if (isOurs) request.log.error({ err: error }, 'GraphQL call failed')
      const code = isOurs ? 'INTERNAL_SERVER_ERROR' : requestCodeOf(statusCode)
      const message = isOurs ? 'Unexpected error' : error.message
      return reply.status(statusCode).send(failure(message, code))
    })

    fastify.route({
      url: GRAPHQL_PATH,
      method: ['GET', 'POST'],
      onRequest: [takeCaller, refuseOtherMedia],
      handler: async (request, reply) => {
        const { raw, body, caller } = request
        if (raw.method !== 'POST' && !isSearchUtf8(raw)) throw refusalOf(400, 'The query string is not UTF-8')
        if (isForYoga(raw)) return answerByYoga(server, request, reply)
        const { method = 'POST', url = GRAPHQL_PATH, headers } = raw
        const [answer, init] = await handle({
          method,
          url,
          headers,
          body: body as string,
          raw,
          context: { caller, response: reply.raw },
        })
        reply.status(init.status).headers(init.headers ?? {})
        // graphql-http refuses some requests with only a status
        return reply.send(answer ?? failure(init.statusText, requestCodeOf(init.status)))
      },
    })
    await fastify.register(refuseOtherMethods)
  }
}

/** Refuses bodies that are not JSON, before they are read. */
async function refuseOtherMedia({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> {
  const wrong = raw.method === 'POST' ? takeBodyType(raw, JSON_TYPE) : undefined
  if (wrong === undefined) return
  if (raw.headers['content-encoding']) reply.header('accept-encoding', 'identity')
  throw refusalOf(415, wrong)
}

/**
 * Answers a request by Yoga, which gets plain values and returns results or a text. Given Node's own request and response, Yoga
 * would connect them by web streams: 18 kB for as long as a stream lasts.
 */
async function answerByYoga(
  server: GraphQLServer,
  { raw, body, caller, log }: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const response = reply.raw
  // a client that has already disconnected would never emit 'close'
  if (response.destroyed) return reply.hijack()
  const disconnected = new AbortController()
  response.once('close', () => disconnected.abort())
  // Node would close the socket anyway; this also gives its views the reason
  response.once('timeout', (socket) => {
    disconnected.abort('slow-client' satisfies DropReason)
    socket.destroy()
  })
  const { method = 'GET', url = GRAPHQL_PATH, headers } = raw
  const lastEventId = takesEvents(raw) ? headers['last-event-id'] : undefined
  if (lastEventId === END_ID) return reply.status(204).send()
  const position = { seen: readEventId(lastEventId), id: undefined, isOver: false }
  const isHead = method === 'HEAD'
  let results: AsyncIterable<ExecutionResult> | undefined
  const answer = await server.fetch(
    `http://localhost${url}`,
    {
      method: isHead ? 'GET' : method,
      headers: headers as Record<string, string>,
      body: body as string | undefined,
    },
    // two arguments, because Yoga makes a single one a prototype: 1.6 kB for each stream
    { disconnected: disconnected.signal, address: raw.socket.remoteAddress, transport: 'sse', caller },
    {
      position,
      takeResults: (taken: typeof results) => {
        results = taken
      },
    },
  )
  const text = await answer.text()
  const isOver = lastEventId !== undefined && position.isOver
  if (results && (isHead || isOver)) {
    await results[Symbol.asyncIterator]().return?.()
    // a 204 stops EventSource from reconnecting
    return isOver ? reply.status(204).send() : reply.headers(EVENT_HEADERS).send()
  }
  reply.hijack()
  // not awaited: everything that waits would stay in memory while the stream lasts
  if (results)
    sendEvents(response, results, position).catch((error) => log.error({ err: error }, 'stream failed'))
  else sendText(raw, response, answer, text)
  return reply
}

/**
 * Sends an answer of Yoga that is one text. For event streams our headers replace Yoga's, and an id at the end stops a
 * browser from reconnecting. While the database is unavailable there is no end: the client is to come back. EventSource does
 * so after a 200 alone.
 */
function sendText(
  { method }: IncomingMessage,
  response: ServerResponse,
  answer: globalThis.Response,
  text: string,
): void {
  const isEvents = answer.headers.get('content-type') === EVENT_STREAM
  const headers = isEvents ? EVENT_HEADERS : Object.fromEntries(answer.headers)
  const isUnavailable = answer.status === 503
  const end = isUnavailable ? '' : completeEvent(END_ID)
  const body = isEvents ? text.replace(completeEvent(), end) : text
  if (isUnavailable) response.setHeader('retry-after', RETRY_AFTER_S)
  for (const [name, value] of Object.entries(headers))
    if (!PER_CONNECTION.includes(name.toLowerCase())) response.setHeader(name, value)
  response.setHeader('content-length', Buffer.byteLength(body))
  response.writeHead(isEvents && isUnavailable && method === 'GET' ? 200 : answer.status).end(body)
}

/** Whether a client accepts server-sent events. */
function takesEvents({ headers: { accept } }: IncomingMessage): boolean {
  return accept?.toLowerCase().includes(EVENT_STREAM) ?? false
}

/** A browser that has seen no event with an id says nothing, or nothing in it. */
function readEventId(lastEventId: string | string[] | undefined): string | undefined {
  return typeof lastEventId === 'string' && lastEventId !== '' ? lastEventId : undefined
}

/** Whether the query string is UTF-8. Otherwise each wrong byte would become the same character. */
function isSearchUtf8({ url = '' }: IncomingMessage): boolean {
  const start = url.indexOf('?')
  if (start === -1) return true
  try {
    // a percent sign that encodes nothing is a percent sign
    decodeURIComponent(url.slice(start).replaceAll(/%(?![\da-f]{2})/gi, '%25'))
    return true
  } catch {
    return false
  }
}

/** Makes an error with a status, like Fastify's own refusals. */
function refusalOf(statusCode: number, message: string): Error {
  return Object.assign(new Error(message), { statusCode })
}

/** Whether a browser asks for the GraphiQL page. */
function asksForPage({ method, headers: { accept } }: IncomingMessage): boolean {
  return method === 'GET' && accept !== undefined && accept.includes('text/html')
}

/** Answers a call with a CallError, such as a missing token. */
function refuse({ code, message }: CallError, reply: FastifyReply): FastifyReply {
  if (code === 'UNAUTHENTICATED') challenge(reply)
  if (code === 'UNAVAILABLE') reply.header('retry-after', RETRY_AFTER_S)
  return reply.status(statusOfCallError(code)).send(failure(message, code))
}

function failure(message: string, code: GraphQLErrorCode) {
  return { errors: [codedError(message, code)] }
}

/**
 * Whether Yoga answers a request: any GET, and a POST of JSON that asks for a stream. Other POSTs never reach Yoga, because it
 * would run the mutation in a form or plain text, which any web page can make a browser send.
 */
function isForYoga({ method, headers }: IncomingMessage): boolean {
  if (method !== 'POST') return true
  const isJson = /^application\/json *(?:;|$)/.test(headers['content-type'] ?? '')
  return isJson && /text\/event-stream|multipart\/mixed/i.test(headers.accept ?? '')
}

/** Headers of one connection, which Yoga must not set. */
const PER_CONNECTION = ['connection', 'transfer-encoding']
