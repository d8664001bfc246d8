import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'

/** Answers a GET whose `variables` or `extensions` are not JSON as the caller's own mistake: Yoga takes it for a bug. */
export function refuseBadJson(): Plugin {
  return {
    onRequestParse({ request, requestParser, setRequestParser }) {
      if (request.method !== 'GET' || !requestParser) return
      setRequestParser(async (request) => {
        try {
          return await requestParser(request)
        } catch (error) {
          if (!(error instanceof SyntaxError)) throw error
          throw new GraphQLError('variables and extensions must be JSON', {
            extensions: { code: 'BAD_REQUEST', http: { status: 400 } },
          })
        }
      })
    },
  }
}
