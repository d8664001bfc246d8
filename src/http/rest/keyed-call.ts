import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { CallError } from '../../domain/errors.ts'
import { QTY_MAX, QTY_MIN } from '../../domain/orders/order-line.ts'
import { type RequestOrigin, readTraceparent } from '../../domain/origin.ts'
import { isText } from '../../use-cases/user-errors.ts'
import { JSON_TYPE, takeBodyType } from '../requests/read-body.ts'
import type { RequestTracing } from '../requests/request-id.ts'
import { KEY_PLACE, ProblemError } from './problem.ts'

// What the calls that change orders have in common.

/** What they can fail with, beside what they do. */
export const KEYED_CALL_PROBLEMS = [
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'MALFORMED_BODY',
  'INVALID_IDEMPOTENCY_KEY',
  'IDEMPOTENCY_KEY_REUSED',
] as const

/** What lines are refused for, and the locations that they name. */
export const LINE_PROBLEMS = [
  'INVALID_LINES',
  'DUPLICATE_SKU',
  'INVALID_QTY',
  'UNKNOWN_SKU',
  'UNKNOWN_LOCATION',
] as const

// loose: validation replaces the headers by what comes out of it, and others want to read theirs
export const keyHeadersSchema = z.looseObject({
  'idempotency-key': z.string().optional().meta({
    description:
      'Makes a repeat harmless: the same call under the same key answers with the same order. 1 to 255 printable ASCII characters, such as a UUID, new for each call. In quotes it is the key without them',
  }),
})

export const qtySchema = wholeNumberSchema(QTY_MIN, QTY_MAX, 'How many')

/**
 * Only the type is looked at: which values it may have is for the use-case to say. Not z.number(), which has no place for 1e400:
 * a number, if far from a quantity.
 */
export function wholeNumberSchema(minimum: number, maximum: number, description: string) {
  return z
    .custom<number>((value) => typeof value === 'number', 'Invalid input: expected number')
    .meta({ type: 'integer', minimum, maximum, description })
}

/** A text that people write and read, as the use-cases take it. */
export function textSchema(lengthMax: number, description: string) {
  return z
    .string()
    .refine(
      (text) => isText(text, lengthMax),
      `Must be 1 to ${lengthMax} characters on one line, and not blank`,
    )
    .meta({ minLength: 1, maxLength: lengthMax, description })
}

/**
 * Makes what refuses a body of another type, before it is read. Fastify takes a request that names no type for one without a
 * body: it would be called malformed.
 */
export function takeOnly(type: string) {
  return async ({ raw }: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const wrong = takeBodyType(raw, type)
    if (wrong === undefined) return
    if (raw.headers['content-encoding']) reply.header('accept-encoding', 'identity')
    throw new ProblemError('UNSUPPORTED_MEDIA_TYPE', wrong)
  }
}

export const refuseOtherMedia = takeOnly(JSON_TYPE)

export type KeyedCallContext = { tracing?: RequestTracing | undefined }

/** What every use-case that changes orders wants to know of a call. */
export type KeyedCall = RequestOrigin & { idempotencyKey: string | null }

/**
 * Runs a use-case with what a request's headers say.
 *
 * @throws {ProblemError} INVALID_IDEMPOTENCY_KEY for a key that the use-case finds malformed: schemas look at all else
 */
export async function runKeyed<Result>(
  { tracing }: KeyedCallContext,
  { id, headers }: FastifyRequest,
  work: (call: KeyedCall) => Promise<Result>,
): Promise<Result> {
  const idempotencyKey = readKey(headers)
  const traceparent = tracing?.traceparent() ?? readTraceparent(headers.traceparent)
  try {
    return await work({ idempotencyKey, requestId: id, traceparent })
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'BAD_USER_INPUT') throw error
    const culprit = { detail: error.message, ...KEY_PLACE }
    throw new ProblemError('INVALID_IDEMPOTENCY_KEY', error.message, [culprit])
  }
}

/** What other services call the header, and what it is misspelt as. Passed over, a repeat would do everything again. */
const OTHER_KEY_HEADERS = ['x-idempotency-key', 'idempotency_key', 'idempotencykey']

/** As the draft of the header has it, which writes a string of structured fields. */
const QUOTED = /^"(.*)"$/

function readKey(headers: FastifyRequest['headers']): string | null {
  const misspelt = OTHER_KEY_HEADERS.find((name) => headers[name] !== undefined)
  if (misspelt !== undefined)
    throw new ProblemError('BAD_REQUEST', `The header of a key is Idempotency-Key, not ${misspelt}`)
  const key = headers['idempotency-key'] as string | undefined
  return key?.replace(QUOTED, '$1') ?? null
}
