import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { codedError } from './graphql-errors.ts'

/**
 * Answers JSON that cannot be read as the caller's own mistake. Of a GET whose `variables` or `extensions` are none Yoga
 * takes it for a bug, and of a body that is none it shows what the engine says, with a piece of the body.
 */
export function refuseBadJson(): Plugin {
  return {
    onRequestParse({ requestParser, setRequestParser }) {
      if (!requestParser) return
      setRequestParser(async (request) => {
        try {
          return await requestParser(request)
        } catch (error) {
          if (error instanceof SyntaxError) {
            const message = 'variables and extensions must be JSON'
            throw codedError(message, 'BAD_REQUEST', { extensions: { http: { status: 400 } } })
          }
          if (!(error instanceof GraphQLError)) throw error
          const { originalError: _, ...extensions } = error.extensions
          throw new GraphQLError(error.message, { extensions })
        }
      })
    },
  }
}
