import { METHODS } from 'node:http'
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest, HTTPMethods } from 'fastify'
import { ProblemError } from '../rest/problem.ts'

/** Node hands it to another listener. */
const ALL = METHODS.filter((method) => method !== 'CONNECT')

const asProblem = (detail: string) => new ProblemError('METHOD_NOT_ALLOWED', detail)

/**
 * Notes the paths of all routes that are added to `fastify` after this.
 *
 * @param toError makes what a refusal is thrown as, in the words of the API
 * @returns what has the paths refuse all other methods, by 405 with those that there are; OPTIONS is answered with them
 */
export function collectMethods(
  fastify: FastifyInstance,
  toError: (detail: string) => Error = asProblem,
): FastifyPluginAsync {
  for (const method of ALL) if (!fastify.supportedMethods.includes(method)) fastify.addHttpMethod(method)
  const paths = new Set<string>()
  fastify.addHook('onRoute', ({ url }) => void paths.add(url))
  return async (fastify) => {
    for (const url of [...paths]) {
      const methods = ALL.filter((method) => fastify.hasRoute({ url, method: method as HTTPMethods }))
      const others = ALL.filter((method) => !methods.includes(method))
      if (others.length === 0) continue
      const allowed = [...methods, 'OPTIONS']
      const answer = async (request: FastifyRequest, reply: FastifyReply) => {
        reply.header('allow', allowed.join(', '))
        if (request.method === 'OPTIONS') return reply.status(204).send()
        throw toError(`This path accepts ${allowed.join(', ')}, not ${request.method}`)
      }
      // before the body is read: whatever is wrong with that, the method is wrong first
      fastify.route({ url, method: others, schema: { hide: true }, onRequest: answer, handler: answer })
    }
  }
}
