import { type FastifyBaseLogger, type FastifyInstance, fastify, LogController } from 'fastify'
import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { answerFrameworkError, type ProblemCode } from '../../../src/http/rest/problem.ts'
import { restApi } from '../../../src/http/rest/rest-api.ts'
import { BODY_SIZE_MAX_BYTES } from '../../../src/limits.ts'

/** The REST API of an application and nothing else, to be called by `inject`; by `caller`, who is the operator by default. */
export async function serveRest(
  app: App,
  { loggerInstance, caller = LOCAL_OPERATOR }: { loggerInstance?: FastifyBaseLogger; caller?: Caller } = {},
): Promise<FastifyInstance> {
  const http = fastify({
    bodyLimit: BODY_SIZE_MAX_BYTES,
    frameworkErrors: answerFrameworkError,
    logController: new LogController({ requestIdLogLabel: 'requestId' }),
    ...(loggerInstance && { loggerInstance }),
  })
  await http.register(restApi(app, { authenticate: () => caller, explorer: true }))
  return http
}

type Answer = Awaited<ReturnType<FastifyInstance['inject']>>

/** Expects the problem with this status and code, and gives its body. */
export function expectProblem(answer: Answer, status: number, code: ProblemCode): Record<string, unknown> {
  const problem = answer.json()
  expect(problem).toEqual({
    type: 'about:blank',
    title: answer.statusMessage,
    status,
    detail: expect.stringMatching(/./),
    code,
    ...(problem.errors && { errors: expect.any(Array) }),
    ...(problem.limit !== undefined && { limit: expect.any(Number) }),
  })
  expect(answer.statusCode).toBe(status)
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  return problem
}
