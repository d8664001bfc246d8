import { GraphQLError } from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { codedError, codeOf, requestCodeOf } from './graphql-errors.ts'

/**
 * Has what Yoga refuses for its form say why, as all other refusals do: by a code of its own for a method, and not by the
 * status alone where no answer has a type that the client takes.
 */
export const nameRefusals: Plugin = {
  onResultProcess({ result }) {
    if (Array.isArray(result) || !('errors' in result)) return
    for (const error of result.errors ?? []) error.extensions.code = codeOf(error)
  },
  onResponse({ response, setResponse, fetchAPI }) {
    const { status, statusText } = response
    if (status < 400 || response.body) return
    const headers = new fetchAPI.Headers(response.headers)
    headers.set('content-type', 'application/json; charset=utf-8')
    const body = JSON.stringify({ errors: [codedError(statusText, requestCodeOf(status))] })
    setResponse(new fetchAPI.Response(body, { status, statusText, headers }))
  },
}

/**
 * Answers JSON that cannot be read as the caller's own mistake. Of a GET whose `variables` or `extensions` are none Yoga
 * takes it for a bug, and of a body that is none it shows what the engine says, with a piece of the body.
 */
export const refuseBadJson: Plugin = {
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
