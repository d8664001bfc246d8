import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { ProblemError } from './problem.ts'

/** Answers a path's other methods with 405 and the list of those that it has. */
export function allowOnly(fastify: FastifyInstance, url: string, allowed: readonly string[]): void {
  const refuse = async (_request: FastifyRequest, reply: FastifyReply) => {
    reply.header('allow', allowed.join(', '))
    throw new ProblemError('METHOD_NOT_ALLOWED', `This path takes ${allowed.join(' and ')} only`)
  }
  fastify.route({
    url,
    method: fastify.supportedMethods.filter((method) => !allowed.includes(method)),
    schema: { hide: true },
    // before the body is read: whatever is wrong with that, the method is wrong first
    onRequest: refuse,
    handler: refuse,
  })
}
