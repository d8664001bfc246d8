import { isCallerId } from './caller.ts'
import type { Order } from './orders/order.ts'

/**
 * Where work comes from. It goes with the work: into jobs, to the supplier and into the log. What a caller did not say
 * is left out.
 */
export type Origin = {
  /** The id of who asked. */
  caller: string
  /** The request that it was asked in, by the id that its caller was answered with. */
  requestId?: string | undefined
  /** The span that it was asked in, in the form of W3C Trace Context. */
  traceparent?: string | undefined
}

/** What a request tells of itself beside who makes it. */
export type RequestOrigin = Omit<Origin, 'caller'>

/** UUIDs, ULIDs and trace ids fit. What else a header can carry could forge lines in a log. */
const REQUEST_ID = /^[\w.-]{1,64}$/

/** Version 00 alone: what a later one holds beyond this is not known. Ids of zeros are none. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** A request's id as it was brought: undefined where it is none that can be logged and sent on as it is. */
export function parseRequestId(value: unknown): string | undefined {
  return typeof value === 'string' && REQUEST_ID.test(value) ? value : undefined
}

/** A `traceparent` of W3C Trace Context as it was brought: undefined where it is none. */
export function readTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined
}

/** Where a job comes from, as its payload has it: undefined where that does not say it, or not in a form to be trusted. */
export function readOrigin(value: unknown): Origin | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const { caller, requestId, traceparent } = value as Record<string, unknown>
  if (!isCallerId(caller)) return undefined
  return { caller, requestId: parseRequestId(requestId), traceparent: readTraceparent(traceparent) }
}

const TRACE_ID_START = '00-'.length
const TRACE_ID_END = TRACE_ID_START + 32

/**
 * The trace of all that is done for an order, in the form of W3C Trace Context: 32 hexadecimal digits. It is the trace of
 * the request that asked for it. Where that had none, it is the order's id, so that who has the one has the other.
 */
export function traceIdOf({ id }: Pick<Order, 'id'>, origin?: Pick<Origin, 'traceparent'>): string {
  return origin?.traceparent?.slice(TRACE_ID_START, TRACE_ID_END) ?? id.replaceAll('-', '')
}
