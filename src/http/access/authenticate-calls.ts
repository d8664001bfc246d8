import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Authenticate, Caller } from '../../domain/caller.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who calls. Set before any route of an API runs. */
    caller: Caller
  }
}

/**
 * Has every route that is added to `fastify` after this know its caller, and refuse whom it does not know. It comes
 * before the body is read: strangers send none.
 */
export function authenticateCalls(fastify: FastifyInstance, authenticate: Authenticate): void {
  fastify.addHook('onRequest', async (request) => {
    request.caller = await authenticate(request.headers.authorization)
  })
}

/** What a 401 carries: how to authenticate, by RFC 9110 and 6750. */
export function challenge(reply: FastifyReply): void {
  reply.header('www-authenticate', 'Bearer')
}
