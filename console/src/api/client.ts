import { cacheExchange, createClient as createQueryClient, fetchExchange } from '@urql/core'
import { createClient as createStreamClient } from 'graphql-sse'
import { callNoted } from './connection.ts'
import { readToken, refuse, withToken } from './session.ts'

const GRAPHQL_URL = '/graphql'

/** Calls the API with the token that there is; where the server does not take it, the console asks for another. */
async function call(url: RequestInfo | URL, init: RequestInit = {}): Promise<Response> {
  const response = await callNoted(url, withToken(init))
  const { status } = response
  // 403 is a token of an unknown role: what a role may not do is an error in an answer of status 200
  if (status === 401 || status === 403)
    refuse(readToken() === null ? '' : await readMessage(response.clone()))
  return response
}

async function readMessage(response: Response): Promise<string> {
  const body = (await response.json().catch(() => ({}))) as { errors?: { message: string }[] }
  return body.errors?.[0]?.message ?? 'The token is not valid'
}

/** Queries and mutations. A mutation has every query read again that showed an object of a type that it answered with. */
export const queries = createQueryClient({
  url: GRAPHQL_URL,
  fetch: call,
  preferGetMethod: false,
  requestPolicy: 'cache-and-network',
  exchanges: [cacheExchange, fetchExchange],
})

/** Subscriptions, each by a connection of its own. What broke off `useStream` takes up where it was. */
export const streams = createStreamClient({ url: GRAPHQL_URL, fetchFn: call, retryAttempts: 0 })
