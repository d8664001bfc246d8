import { z } from 'zod'

/** The largest reference, in UTF-16 units: it is stored with the order and goes into a path. */
const refLengthMax = 200

/** What asking a supplier comes to. Neither method ever throws; `close` is for the end of the process. */
export type Supplier = {
  /** Asks for `qty` pieces of `sku`. `key` is the idempotency key: the same may be asked for again. */
  reserve(
    order: { id: string; sku: string; qty: number; key: string },
    call: SupplierCall,
  ): Promise<ReserveAnswer | TransportError>
  /** Asks how far the reservation is that `reserve` answered with `ref`. */
  checkStatus(ref: string, call: SupplierCall): Promise<StatusAnswer | TransportError>
  /** Waits for the calls under way, then closes the connections. A call made later is a transport error. */
  close(): Promise<void>
}

/** What a call is made for. The supplier gets it as `X-Request-Id` and `traceparent`, so that its log can be told with ours. */
export type SupplierCall = {
  orderId: string
  /** Which try it is of the same question, from 1. */
  attempt: number
  /** The request that asked for the order, where that is known. */
  requestId: string | undefined
  traceId: string
  /** Undefined where it is sent by what traces the request itself. */
  traceparent: string | undefined
}

/** Accepted is not delivered: only a status of `ok` is. `httpStatus` is what came with an answer. */
export type ReserveAnswer = ({ kind: 'accepted'; ref: string } | { kind: 'refused' }) & Answered

export type StatusAnswer = { kind: 'ok' | 'fail' | 'delayed' } & Answered

type Answered = { httpStatus?: number }

/**
 * No answer was had, and nothing is known of what the supplier did: try again, under the same key.
 *
 * `detail` is for people: one line without control characters. `httpStatus` is set where a status line
 * was read; `retryAfterMs` where a 429 or 503 asked for a wait, at most a day.
 */
export type TransportError = {
  kind: 'transport-error'
  cause: (typeof TRANSPORT_CAUSES)[number]
  detail: string
  httpStatus?: number
  retryAfterMs?: number
}

export const TRANSPORT_CAUSES = [
  'timeout',
  'connection',
  'http-status',
  'malformed',
  'too-large',
  'redirect',
  'circuit-open',
] as const

/**
 * A supplier's reference: any text of 1 to 200 characters that can be stored and sent back. Control
 * characters and half surrogate pairs PostgreSQL or a URL would refuse; `.` and `..` are the two texts that
 * no encoding keeps from changing the path of a URL.
 */
export const refSchema = z
  .string()
  .min(1)
  .max(refLengthMax)
  .refine((ref) => !/\p{Cc}/u.test(ref), 'has control characters')
  .refine((ref) => ref.isWellFormed(), 'is not well-formed Unicode')
  .refine((ref) => ref !== '.' && ref !== '..', 'is a step in a path')

/** Body of `POST {base}/supplier/reserve`. */
export const reserveRequestSchema = z.object({
  order_id: z.string().min(1),
  sku: z.string().min(1),
  qty: z.int().positive(),
})
export type ReserveRequest = z.infer<typeof reserveRequestSchema>

/** Answer of `POST {base}/supplier/reserve`; parses to a `ReserveAnswer`. */
export const reserveAnswerSchema = z
  .discriminatedUnion('accepted', [
    z.object({ accepted: z.literal(true), ref: refSchema }),
    z.object({ accepted: z.literal(false) }),
  ])
  .transform(
    (answer): ReserveAnswer =>
      answer.accepted ? { kind: 'accepted', ref: answer.ref } : { kind: 'refused' },
  )
export type ReserveAnswerBody = z.input<typeof reserveAnswerSchema>

/** Answer of `GET {base}/supplier/status/{ref}`; parses to a `StatusAnswer`. */
export const statusAnswerSchema = z
  .object({ status: z.enum(['ok', 'fail', 'delayed']) })
  .transform((answer): StatusAnswer => ({ kind: answer.status }))
export type StatusAnswerBody = z.input<typeof statusAnswerSchema>
