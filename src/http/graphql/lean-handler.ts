import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http'
import { GraphQLError, getOperationAST, OperationTypeNode } from 'graphql'
import {
  createHandler,
  type OperationContext,
  parseRequestParams,
  type Request,
  type RequestParams,
  type Response,
} from 'graphql-http'
import type { Caller } from '../../domain/caller.ts'
import { whenDisconnected } from '../requests/when-disconnected.ts'
import { asSeen } from './graphql-errors.ts'
import type { GraphQLServer } from './graphql-server.ts'
import { findPersistedDocument, type PersistedDocuments, refusePersisted } from './persisted-documents.ts'
import { asksForStatus, JSON_RESPONSE_TYPE, RESPONSE_TYPE, statusOf } from './response-type.ts'
import { streamsServed } from './streams/hand-over-streams.ts'

type Enveloped = ReturnType<GraphQLServer['getEnveloped']>

/** Who calls, and what the answer is written to. */
type Call = { caller: Caller; response: ServerResponse }

/**
 * Makes what answers a plain POST of JSON, through graphql-http and without Yoga's way from Node's request to its Request
 * and back.
 */
export function createLeanHandler(server: GraphQLServer, documents?: PersistedDocuments) {
  return createHandler<IncomingMessage, Call>({
    parseRequestParams: (request) =>
      documents ? parsePersisted(request, documents) : parseWithText(request),
    onSubscribe: async (
      { raw, context: { caller, response } }: Request<IncomingMessage, Call>,
      { query, operationName, variables },
    ) => {
      const { schema, parse, validate, execute, contextFactory } = server.getEnveloped({
        request: raw,
        caller,
        // by it Yoga tells which of several operations is meant
        params: { operationName: operationName ?? undefined },
        address: raw.socket.remoteAddress,
        watchConnection: () => whenDisconnected(response),
      })
      let document: ReturnType<Enveloped['parse']>
      try {
        document = parse(query)
      } catch (error) {
        if (error instanceof GraphQLError) return [error]
        throw error
      }
      const errors = validate(schema, document)
      if (errors.length > 0) return errors
      // the reader of an answer that is no stream
      const operation = getOperationAST(document, operationName)?.operation
      if (operation === OperationTypeNode.SUBSCRIPTION) return [streamsServed(400)]
      return {
        schema,
        document,
        operationName,
        variableValues: variables,
        contextValue: (await contextFactory()) as OperationContext,
        rootValue: execute,
      }
    },
    onOperation: ({ raw: { headers } }, _args, result) => {
      const told = statusOf(result, headers.accept)
      if (!told) return undefined
      const type = asksForStatus(headers.accept) ? RESPONSE_TYPE : JSON_RESPONSE_TYPE
      const init = {
        ...told,
        statusText: STATUS_CODES[told.status]!,
        headers: { ...told.headers, 'content-type': type },
      }
      return [JSON.stringify({ ...result, errors: result.errors?.map(asSeen) }), init]
    },
    execute: ({ rootValue, ...args }) =>
      (rootValue as Enveloped['execute'])({ ...args, rootValue: undefined }),
    formatError: asSeen,
  })
}

/** A request that brings its document. Only what brings none is looked at again, for why. */
async function parseWithText(request: Request<IncomingMessage, Call>): Promise<RequestParams | Response> {
  try {
    return await parseRequestParams(request)
  } catch (error) {
    const params = readBody(request)
    if (Array.isArray(params)) throw new Error('Batches are not supported: send one operation per request')
    if (params) {
      try {
        refusePersisted(params)
      } catch (refusal) {
        // clients read the body of a 200 alone, unless they ask for a status that tells
        const isTold = asksForStatus(request.raw.headers.accept)
        const headers = { 'content-type': isTold ? RESPONSE_TYPE : JSON_RESPONSE_TYPE }
        const [status, statusText] = isTold ? [400, 'Bad Request'] : [200, 'OK']
        return [JSON.stringify({ errors: [refusal] }), { status, statusText, headers }]
      }
    }
    throw error
  }
}

/** A request with its document in the place of its id. */
async function parsePersisted(
  request: Request<IncomingMessage, Call>,
  documents: PersistedDocuments,
): Promise<RequestParams | Response> {
  const params = readBody(request)
  if (!params || Array.isArray(params)) return parseWithText(request)
  const body = { ...params, query: findPersistedDocument(documents, params) }
  return parseRequestParams({ ...request, body })
}

/** A body's object or list; undefined where it is neither. */
function readBody({ body }: Request<IncomingMessage, Call>): object | undefined {
  try {
    const value = JSON.parse(String(body))
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}
