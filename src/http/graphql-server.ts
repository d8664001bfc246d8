import { renderGraphiQL } from '@graphql-yoga/render-graphiql'
import { createYoga, type YogaServerInstance } from 'graphql-yoga'
import type { App } from '../app.ts'
import { ANONYMOUS } from '../domain/caller.ts'
import { createContext, type GraphQLContext } from '../schema/create-context.ts'
import { schema } from '../schema/index.ts'
import { graphiqlTabs } from './graphiql-tabs.ts'
import { maskError } from './mask-error.ts'
import { refuseBadJson } from './refuse-bad-json.ts'

export const GRAPHQL_PATH = '/graphql'

/** Room for a large document with its variables, none for an upload. */
export const BODY_SIZE_MAX_BYTES = 100_000

export type GraphQLServer = YogaServerInstance<object, GraphQLContext>

/** The GraphQL server over `schema`, for HTTP and, through `getEnveloped`, for WebSocket. */
export function createGraphQLServer(app: App): GraphQLServer {
  const { logger } = app
  return createYoga<object, GraphQLContext>({
    schema,
    graphqlEndpoint: GRAPHQL_PATH,
    plugins: [refuseBadJson()],
    context: () => createContext(app, ANONYMOUS),
    maskedErrors: {
      errorMessage: 'Unexpected error',
      maskError: (error, message) => maskError(error, message, logger),
    },
    maxRequestBodySize: BODY_SIZE_MAX_BYTES,
    multipart: false,
    // no page of another site may call, and its browser asks first: Yoga's default is to let every one, with its cookies
    cors: false,
    landingPage: false,
    renderGraphiQL,
    graphiql: { title: 'Holdfast', defaultTabs: graphiqlTabs, subscriptionsProtocol: 'WS' },
    logging: {
      debug: (...args) => logger.trace({ args }, 'yoga'),
      info: (...args) => logger.debug({ args }, 'yoga'),
      warn: (...args) => logger.warn({ args }, 'yoga'),
      // what is masked; mask-error.ts has logged what was not the caller's own mistake
      error: (...args) => logger.debug({ args }, 'yoga'),
    },
  })
}
