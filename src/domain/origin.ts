import { isCallerId } from './caller.ts'
import type { Order } from './orders/order.ts'

/**
 * The origin of work. It travels with the work: into jobs, to the supplier and into the log. What a caller did not send is
 * missing.
 */
export type Origin = {
  /** The caller's id. */
  caller: string
  /** The id of the request, as its answer carried it. */
  requestId?: string | undefined
  /** The span of the request, as W3C Trace Context writes it. */
  traceparent?: string | undefined
}

/** The origin without its caller. */
export type RequestOrigin = Omit<Origin, 'caller'>

/** UUIDs, ULIDs and trace ids fit. Other characters of a header could forge lines in a log. */
const REQUEST_ID = /^[\w.-]{1,64}$/

/** Version 00 only, because later versions may differ. Ids of zeros are invalid. */
const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/

/** Returns a request's id as it came; undefined if it cannot be logged and sent on unchanged. */
export function parseRequestId(value: unknown): string | undefined {
  return typeof value === 'string' && REQUEST_ID.test(value) ? value : undefined
}

/** Returns a `traceparent` of W3C Trace Context as it came; undefined if it is not valid. */
export function readTraceparent(value: unknown): string | undefined {
  return typeof value === 'string' && TRACEPARENT.test(value) ? value : undefined
}

/** Reads the origin in a job's payload; undefined if it is missing or malformed. */
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
