import {
  createYoga,
  handleStreamOrSingleExecutionResult,
  type Plugin,
  type YogaInitialContext,
  type YogaServerInstance,
} from 'graphql-yoga'
import type { Logger } from 'pino'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import { STREAMS_PER_CALLER_MAX } from '../../limits.ts'
import {
  type CallSource,
  createContext,
  type GraphQLContext,
  type ResolverApp,
} from '../../schema/create-context.ts'
import { schema } from '../../schema/index.ts'
import type { ApiOptions } from '../api-options.ts'
import type { CallsUnderWay } from '../overload/calls-under-way.ts'
import { CountByKey } from '../overload/count-by-key.ts'
import { limitStreams } from '../overload/limit-streams.ts'
import { readRequestId, readRequestOrigin } from '../requests/request-id.ts'
import { graphiqlPage } from './explorer/graphiql-page.ts'
import { graphiqlSetup } from './explorer/graphiql-setup.ts'
import { UNAVAILABLE_RESULT } from './graphql-errors.ts'
import { hideSchema } from './limits/hide-schema.ts'
import { limitExecutionTime } from './limits/limit-execution-time.ts'
import { limitOrders } from './limits/limit-orders.ts'
import { limitQueries } from './limits/limit-queries.ts'
import { refuseForbidden } from './limits/refuse-forbidden.ts'
import { maskError } from './mask-error.ts'
import { nameRefusals, refuseBadJson } from './name-refusals.ts'
import { runPersistedDocuments } from './persisted-documents.ts'
import { statusOf } from './response-type.ts'
import { handOverStreams, type TakeResults } from './streams/hand-over-streams.ts'
import { shareChanges } from './streams/share-changes.ts'

export const GRAPHQL_PATH = '/graphql'

/** What a caller reads of an error that is nobody's business. */
const UNEXPECTED = 'Unexpected error'

/** What a transport may say of a call. */
type ServerContext = Omit<CallSource, 'requestOrigin'> & {
  caller?: Caller | undefined
  /** Given where a subscription may be answered by a stream. */
  takeResults?: TakeResults
}

export type GraphQLServer = YogaServerInstance<ServerContext, GraphQLContext>

/** The status of what Yoga answers itself. `http` is for Yoga: callers do not see it. */
const answerWithStatus: Plugin = {
  onExecutionResult: ({ request, result, setResult }) => {
    if (!result || Array.isArray(result) || Symbol.asyncIterator in result) return
    const http = statusOf(result, request.headers.get('accept'))
    if (http) setResult({ ...result, extensions: { ...result.extensions, http } })
  },
}

/** Masks what an operation failed with. Its log line has the request's id; Yoga's own masking knows no request. */
function maskOperation(logger: Logger): Plugin {
  const mask = (payload: MaskPayload) =>
    handleStreamOrSingleExecutionResult(payload, ({ args, result, setResult }) => {
      if (!result.errors) return
      const { request } = args.contextValue as YogaInitialContext
      const log = logger.child({ requestId: readRequestId(request) })
      setResult({ ...result, errors: result.errors.map((error) => maskError(error, UNEXPECTED, log)) })
    })
  return {
    onExecute: () => ({ onExecuteDone: mask }),
    onSubscribe: () => ({ onSubscribeResult: mask }),
  }
}

/**
 * Counts queries and mutations where they are executed, which is the same place for every transport. Subscriptions do not
 * count: those that begin together share a read, and after a restart thousands of watchers come back at once.
 */
function limitOperations(calls: CallsUnderWay): Plugin {
  const refuse = () => ({ ...UNAVAILABLE_RESULT })
  return {
    onExecute({ executeFn, setExecuteFn }) {
      setExecuteFn((args) => calls.run(() => executeFn(args), refuse))
    },
  }
}

type MaskPayload = Parameters<typeof handleStreamOrSingleExecutionResult>[0]

export type GraphQLServerContext = ResolverApp & { calls: CallsUnderWay }

/** The GraphQL server over `schema`, for HTTP and, through `getEnveloped`, for WebSocket. */
export function createGraphQLServer(
  app: GraphQLServerContext,
  {
    isAuthenticated,
    explorer,
    persistedDocuments,
    streams = new CountByKey(STREAMS_PER_CALLER_MAX),
  }: Omit<ApiOptions, 'authenticate' | 'corsOrigins'>,
): GraphQLServer {
  const { logger } = app
  const page = graphiqlPage()
  return createYoga<ServerContext, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    context: ({ caller, request, disconnected, watchConnection, address, transport, position }) => {
      // GraphiQL's page alone is served to strangers, and takes no operation
      if (!caller) throw new CallError('UNAUTHENTICATED', 'This call needs a valid bearer token')
      const requestOrigin = readRequestOrigin(request)
      const source = { disconnected, watchConnection, address, transport, position, requestOrigin }
      return createContext(app, caller, source)
    },
    maskedErrors: {
      // what comes from outside of operations
      errorMessage: UNEXPECTED,
      maskError: (error, message) => maskError(error, message, logger),
    },
    plugins: [
      // first: refusals take its place
      shareChanges(),
      refuseBadJson,
      runPersistedDocuments(persistedDocuments),
      // before the limits on queries, which put a refusal in the place of all that would be run: that counts no order
      app.orderLimiter ? limitOrders(app.orderLimiter) : {},
      limitStreams(streams),
      limitQueries,
      refuseForbidden,
      maskOperation(logger),
      // within the limit on time: a call that was answered for its time counts until its work is done
      limitOperations(app.calls),
      limitExecutionTime(),
      answerWithStatus,
      handOverStreams,
      nameRefusals,
      explorer ? page.plugin : hideSchema,
    ],
    // Fastify's business: Yoga pipes bodies through a limit, and keeps the pipe while a stream lasts
    maxRequestBodySize: false,
    multipart: false,
    // the front door's business: Yoga's default is to let every site, with its cookies
    cors: false,
    landingPage: false,
    renderGraphiQL: page.render,
    graphiql: explorer && { title: 'Holdfast', ...graphiqlSetup(isAuthenticated) },
    logging: {
      debug: (...args) => logger.trace({ args }, 'yoga'),
      info: (...args) => logger.debug({ args }, 'yoga'),
      warn: (...args) => logger.warn({ args }, 'yoga'),
      // what is masked; mask-error.ts has logged what was not the caller's own mistake
      error: (...args) => logger.debug({ args }, 'yoga'),
    },
  })
}
