import { STATUS_CODES } from 'node:http'
import type { FastifyError, FastifyReply, FastifyRequest, RouteHandlerMethod } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { isUnavailable, QueueFullError } from '../../database/unavailable.ts'
import {
  CallError,
  type CallErrorCode,
  RateLimitedError,
  type UserError,
  type UserErrorCode,
} from '../../domain/errors.ts'
import { RETRY_AFTER_S } from '../../limits.ts'
import { challenge } from '../access/create-authenticate.ts'

/** Every way in which a REST call can fail: its status, and what it says where there is nothing more particular to say. */
const PROBLEMS = {
  MALFORMED_JSON: { status: 400, detail: 'The body is not valid JSON' },
  BAD_REQUEST: { status: 400, detail: 'The request is malformed' },
  UNAUTHENTICATED: { status: 401, detail: 'This call needs a valid bearer token' },
  FORBIDDEN: { status: 403, detail: 'You may not do this' },
  NOT_FOUND: { status: 404, detail: 'There is nothing at this path' },
  METHOD_NOT_ALLOWED: { status: 405, detail: 'This path does not accept this method' },
  BODY_TOO_LARGE: { status: 413, detail: 'The body is too large' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, detail: 'The body must be application/json' },
  MALFORMED_CSV: { status: 400, detail: 'The body is not valid CSV' },
  INVALID_COLUMNS: { status: 422, detail: 'The columns of the file are not those of an import' },
  IMPORT_IN_PROGRESS: {
    status: 409,
    detail: 'Another call imports this file. Send it again to read the result',
  },
  MALFORMED_BODY: { status: 422, detail: 'The body does not match the schema of this call' },
  INVALID_IDEMPOTENCY_KEY: { status: 422, detail: 'The idempotency key is malformed' },
  INVALID_LIMIT: { status: 422, detail: 'limit is out of range' },
  INVALID_CURSOR: { status: 422, detail: 'cursor is not from this list' },
  // as the use-cases name them
  INVALID_QTY: { status: 422, detail: 'qty is out of range' },
  INVALID_SKU: { status: 422, detail: 'The SKU is malformed' },
  SKU_TAKEN: { status: 422, detail: 'There is an item with this SKU' },
  UNKNOWN_SKU: { status: 422, detail: 'There is no item with this SKU' },
  IDEMPOTENCY_KEY_REUSED: { status: 422, detail: 'This idempotency key was used for another call' },
  DUPLICATE_SKU: { status: 422, detail: 'A SKU is in two lines' },
  INVALID_LINES: { status: 422, detail: 'There are no lines, or too many' },
  LOCATION_IN_USE: { status: 422, detail: 'This location is in use' },
  QTY_EXCEEDED: { status: 422, detail: 'This is more than would go' },
  UNKNOWN_LOCATION: { status: 422, detail: 'There is no such location' },
  UNKNOWN_ORDER: { status: 404, detail: 'There is no such order' },
  UNKNOWN_WEBHOOK: { status: 404, detail: 'There is no such webhook' },
  INVALID_URL: { status: 422, detail: 'No webhook can have this URL' },
  UNKNOWN_SHIPMENT: { status: 404, detail: 'There is no such shipment' },
  WRONG_STATE: { status: 409, detail: 'The order is not in a state for this' },
  INSUFFICIENT_STOCK: { status: 422, detail: 'Not enough in stock' },
  HOLD_EXPIRED: { status: 409, detail: 'The hold has expired' },
  INVALID_HOLD: { status: 422, detail: 'No order can be held for so long' },
  STALE_EXPECTATION: { status: 409, detail: 'This is no longer as you expected it' },
  TOO_MANY_STREAMS: { status: 429, detail: 'You have too many streams open' },
  RATE_LIMITED: { status: 429, detail: 'You have placed too many orders. Try again in a moment' },
  INTERNAL_ERROR: { status: 500, detail: 'Something went wrong on our side' },
  UNAVAILABLE: { status: 503, detail: 'The service cannot answer right now. Try again in a moment' },
} as const satisfies Record<UserErrorCode, unknown> & Record<string, { status: number; detail: string }>

export type ProblemCode = keyof typeof PROBLEMS

const CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]]

export const PROBLEM_TYPE = 'application/problem+json'

/** The culprit in the request: a JSON pointer into its body, a parameter of its query, or a header. */
const culpritSchema = z.object({
  detail: z.string(),
  pointer: z.string().optional(),
  parameter: z.string().optional(),
  header: z.string().optional(),
})

type Culprit = z.infer<typeof culpritSchema>

const problemSchema = z
  .object({
    type: z.string().describe('Always `about:blank`: `code` tells what kind of problem it is'),
    title: z.string().describe("The status in words, as HTTP's registry has them"),
    status: z.int().min(400).max(599),
    detail: z.string().describe('What is wrong with this call, for people to read'),
    code: z.enum(CODES).describe('What is wrong, for programs to read'),
    errors: z
      .array(culpritSchema)
      .optional()
      .describe('Where in the request it is: a JSON pointer into the body, a parameter or a header'),
    limit: z
      .int()
      .min(0)
      .optional()
      .describe(
        'Of `QTY_EXCEEDED` and `INSUFFICIENT_STOCK`: the largest quantity that would have been accepted',
      ),
  })
  .meta({ id: 'Problem', description: 'Why a call was not answered (RFC 9457)' })

type Problem = z.infer<typeof problemSchema>

/** A REST call that fails for a reason that the caller may know: thrown by a route, answered as a problem. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly code: ProblemCode
  readonly culprits: Culprit[]
  readonly limit: bigint | undefined

  constructor(
    code: ProblemCode,
    detail: string = PROBLEMS[code].detail,
    culprits: Culprit[] = [],
    limit?: bigint,
  ) {
    super(detail)
    this.code = code
    this.culprits = culprits
    this.limit = limit
  }
}

/** What a use-case refused, as a problem: the first error's, with the place of each. */
export function refusal(userErrors: readonly [UserError, ...UserError[]]): ProblemError {
  const [{ code, message, limit }] = userErrors
  const culprits = userErrors.flatMap((error) => {
    const place = placeOf(error)
    return place ? [{ detail: error.message, ...place }] : []
  })
  return new ProblemError(code, message, culprits, limit)
}

/** Where a REST call has a key. */
export const KEY_PLACE = { header: 'Idempotency-Key' }

/** Where a REST call has the field of a use-case's input that is to blame; undefined for what its path names. */
function placeOf({ field }: UserError): Omit<Culprit, 'detail'> | undefined {
  const [, ...path] = field ?? []
  if (path[0] === 'idempotencyKey') return KEY_PLACE
  if (path.length === 0 || path[0] === 'id') return undefined
  const names = path.map((name) => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
  return { pointer: `#/${names.join('/')}` }
}

/**
 * Answers a call that failed: what the caller may know as the problem that it is, all else as a 500 that says nothing,
 * with the whole error in the log beside the request's id.
 */
export function answerWithProblem(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error)
  if (problem.code === 'INTERNAL_ERROR') request.log.error({ err: error }, 'REST call failed')
  if (problem.code === 'UNAUTHENTICATED') challenge(reply)
  if (problem.code === 'UNAVAILABLE') {
    // refusals are counted, and logged together
    if (!(error instanceof QueueFullError))
      request.log.warn({ err: error }, 'REST call failed: database away')
    reply.header('retry-after', RETRY_AFTER_S)
  }
  if (error instanceof RateLimitedError) reply.headers(rateLimitHeaders(error))
  return reply.code(problem.status).type(PROBLEM_TYPE).send(problem)
}

/**
 * As clients know them: three fields, of draft-ietf-httpapi-ratelimit-headers up to its version 07. The one field of the
 * later versions is read by few.
 */
function rateLimitHeaders({ limit, retryAfterS }: RateLimitedError) {
  return {
    'retry-after': retryAfterS,
    'ratelimit-limit': limit,
    'ratelimit-remaining': 0,
    'ratelimit-reset': retryAfterS,
  }
}

export const UNAVAILABLE_PROBLEM = toProblem('UNAVAILABLE')

/**
 * Answers what Fastify refuses before it has a route, for its option `frameworkErrors`: a path that cannot be decoded
 * or has too long a part. No resource has such a path.
 */
export function answerFrameworkError(_error: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  const body = JSON.stringify(toProblem('NOT_FOUND'))
  reply.code(404).type(PROBLEM_TYPE).send(body)
}

export const answerNotFound: RouteHandlerMethod = async () => {
  throw new ProblemError('NOT_FOUND')
}

/** What every call below `/api` can fail with. */
const ANY_CALL = ['BAD_REQUEST', 'UNAUTHENTICATED', 'FORBIDDEN', 'INTERNAL_ERROR', 'UNAVAILABLE'] as const

/** Responses to document for a route that can fail with these codes too: one for each status that they have. */
export function problemResponses<Code extends ProblemCode>(...own: Code[]) {
  const codes = [...own, ...ANY_CALL]
  const statuses = new Set(codes.map((code) => PROBLEMS[code].status))
  const responses = [...statuses].map((status) => [
    status,
    problemResponse(codes.filter((code) => PROBLEMS[code].status === status)),
  ])
  return Object.fromEntries(responses) as Record<
    (typeof PROBLEMS)[Code | (typeof ANY_CALL)[number]]['status'],
    ReturnType<typeof problemResponse>
  >
}

function problemResponse(codes: ProblemCode[]) {
  return {
    description: codes.map((code) => `\`${code}\``).join(', '),
    content: { [PROBLEM_TYPE]: { schema: problemSchema, example: toProblem(codes[0]!) } },
    ...((codes.includes('UNAVAILABLE') || codes.includes('RATE_LIMITED')) && {
      headers: {
        'Retry-After': integer('Seconds to wait before the next try'),
        ...(codes.includes('RATE_LIMITED') && {
          'RateLimit-Limit': integer('Orders that a caller may place in a second'),
          'RateLimit-Remaining': integer('Orders that the caller may still place in this second: 0'),
          'RateLimit-Reset': integer('Seconds until the caller may order again'),
        }),
      },
    }),
  }
}

function integer(description: string) {
  return { type: 'integer', description }
}

/** Fastify's own refusals, by its code. */
const FASTIFY_CODES: Record<string, ProblemCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MALFORMED_JSON',
  FST_ERR_CTP_INVALID_JSON_BODY: 'MALFORMED_JSON',
}

/** Parameters of a query, with what a wrong one is called. */
// a map: a caller may name a parameter `__proto__`
const PARAMETER_CODES = new Map<string, ProblemCode>([
  ['limit', 'INVALID_LIMIT'],
  ['cursor', 'INVALID_CURSOR'],
  ['after', 'INVALID_CURSOR'],
])

/** What use-cases throw. A new code fails to compile until it has its problem. */
function problemCodeOf(code: CallErrorCode): ProblemCode {
  return code === 'BAD_USER_INPUT' ? 'BAD_REQUEST' : code
}

/** The status of a call that is refused as a whole, by whatever API. */
export function statusOfCallError(code: CallErrorCode): number {
  return PROBLEMS[problemCodeOf(code)].status
}

function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return toProblem(error.code, error.message, error.culprits, error.limit)
  if (error instanceof CallError && error.code !== 'UNAVAILABLE') {
    return toProblem(problemCodeOf(error.code), error.message)
  }
  if (error instanceof CallError || isUnavailable(error)) return toProblem('UNAVAILABLE')
  if (hasZodFastifySchemaValidationErrors(error)) return shapeProblem(error)
  return fastifyProblem(error) ?? toProblem('INTERNAL_ERROR')
}

/** A part of the request that its schema does not take. */
function shapeProblem({ validation, validationContext }: ShapeError): Problem {
  const mistakes = validation.flatMap(toMistakes)
  if (validationContext === 'querystring') {
    const culprits = mistakes.map(({ detail, path }) => ({ detail, parameter: path.slice(1) }))
    const { detail, parameter } = culprits[0]!
    const code = mistakes[0]!.isUnknown ? undefined : PARAMETER_CODES.get(parameter)
    return toProblem(code ?? 'BAD_REQUEST', detail, culprits)
  }
  const culprits = mistakes.map(({ detail, path }) => ({ detail, pointer: path === '/' ? '#' : `#${path}` }))
  return toProblem('MALFORMED_BODY', undefined, culprits)
}

/** One for each field that there is not: who misspelt a name looks for that name. */
function toMistakes({ instancePath, message = '', params }: ShapeError['validation'][number]) {
  if (!Array.isArray(params?.keys)) return [{ detail: message, path: instancePath, isUnknown: false }]
  const parent = instancePath === '/' ? '' : instancePath
  return params.keys.map((key: string) => ({
    detail: `This call has no ${JSON.stringify(key)}`,
    path: `${parent}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    isUnknown: true,
  }))
}

type ShapeError = Pick<FastifyError, 'validationContext'> & {
  validation: readonly { instancePath: string; message?: string; params?: Record<string, unknown> }[]
}

/** What Fastify refused by itself. Its texts are its own business: callers get ours. */
function fastifyProblem(error: unknown): Problem | undefined {
  if (!(error instanceof Error)) return undefined
  const { code = '', statusCode = 500 } = error as Partial<FastifyError>
  const known = FASTIFY_CODES[code]
  if (known) return toProblem(known)
  if (code.startsWith('FST_') && statusCode < 500) return toProblem('BAD_REQUEST')
  return undefined
}

/** A failed call as it is answered. */
export function toProblem(
  code: ProblemCode,
  detail: string = PROBLEMS[code].detail,
  culprits: Culprit[] = [],
  limit?: bigint,
): Problem {
  const { status } = PROBLEMS[code]
  return {
    type: 'about:blank',
    title: STATUS_CODES[status]!,
    status,
    detail,
    code,
    ...(culprits.length > 0 && { errors: culprits }),
    // quantities stay below 2^53
    ...(limit !== undefined && { limit: Number(limit) }),
  }
}
