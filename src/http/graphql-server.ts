import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { createYoga, type Plugin, type YogaServerInstance } from 'graphql-yoga'
import type { App } from '../app.ts'
import type { Caller } from '../domain/caller.ts'
import { CallError } from '../domain/errors.ts'
import { BODY_SIZE_MAX_BYTES, RETRY_AFTER_S } from '../limits.ts'
import { type CallOrigin, createContext, type GraphQLContext } from '../schema/create-context.ts'
import { schema } from '../schema/index.ts'
import { graphiqlSetup } from './graphiql-setup.ts'
import { limitExecutionTime } from './limit-execution-time.ts'
import { limitOperations } from './limit-operations.ts'
import { limitQueries } from './limit-queries.ts'
import { maskError } from './mask-error.ts'
import { type PersistedDocuments, runPersistedDocuments } from './persisted-documents.ts'
import { refuseBadJson } from './refuse-bad-json.ts'
import { isUnavailableResult } from './unavailable-result.ts'

export const GRAPHQL_PATH = '/graphql'

/** What a transport may say of a call. */
type ServerContext = CallOrigin & { caller?: Caller }

export type GraphQLServer = YogaServerInstance<ServerContext, GraphQLContext>

/** What Yoga answers itself is a 503 as well where nothing came of it. `http` is for Yoga: callers do not see it. */
const answerUnavailable: Plugin = {
  onExecutionResult: ({ result, setResult }) => {
    if (!result || Array.isArray(result) || Symbol.asyncIterator in result) return
    if (!isUnavailableResult(result)) return
    const http = { status: 503, headers: { 'retry-after': RETRY_AFTER_S } }
    setResult({ ...result, extensions: { ...result.extensions, http } })
  },
}

export type GraphQLServerOptions = {
  isAuthenticated: boolean
  /** The only documents that it runs; undefined where it runs any. */
  persistedDocuments?: PersistedDocuments | undefined
}

/** The GraphQL server over `schema`, for HTTP and, through `getEnveloped`, for WebSocket. */
export function createGraphQLServer(
  app: App,
  { isAuthenticated, persistedDocuments }: GraphQLServerOptions,
): GraphQLServer {
  const { logger } = app
  return createYoga<ServerContext, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: ({ caller, ...origin }) => {
      // GraphiQL's page alone is served to strangers, and takes no operation
      if (!caller) throw new CallError('UNAUTHENTICATED', 'This call needs a valid bearer token')
      return createContext(app, caller, origin)
    },
    maskedErrors: {
      errorMessage: 'Unexpected error',
      maskError: (error, message) => maskError(error, message, logger),
    },
    plugins: [
      refuseBadJson(),
      persistedDocuments ? runPersistedDocuments(persistedDocuments) : {},
      limitQueries(),
      // within the limit on time: a call that was answered for its time counts until its work is done
      limitOperations(app.calls),
      limitExecutionTime(),
      answerUnavailable,
    ],
    maxRequestBodySize: BODY_SIZE_MAX_BYTES,
    multipart: false,
    // no page of another site may call, and its browser asks first: Yoga's default is to let every one, with its cookies
    cors: false,
    landingPage: false,
    renderGraphiQL,
    graphiql: { title: 'Holdfast', ...graphiqlSetup(isAuthenticated) },
    logging: {
      debug: (...args) => logger.trace({ args }, 'yoga'),
      info: (...args) => logger.debug({ args }, 'yoga'),
      warn: (...args) => logger.warn({ args }, 'yoga'),
      // what is masked; mask-error.ts has logged what was not the caller's own mistake
      error: (...args) => logger.debug({ args }, 'yoga'),
    },
  })
}
