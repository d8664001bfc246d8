import { CallError, type CallErrorCode } from '../domain/errors.ts'

/** How a view of an order comes to its client: as a stream over HTTP, or over a WebSocket. */
export const WATCH_TRANSPORTS = ['sse', 'websocket'] as const
export type WatchTransport = (typeof WATCH_TRANSPORTS)[number]

/**
 * Why a view was ended that its client had not left: the process stops, the caller's token is over, or the order is not for
 * it any more; the client did not read, did not answer, or had too many operations under way; or Holdfast failed.
 */
export const DROP_REASONS = [
  'going-away',
  'token-expired',
  'not-visible',
  'slow-client',
  'unresponsive',
  'too-many-operations',
  'error',
] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** Whether what a client's leaving is told with says that it was cut off. */
export function isDropReason(reason: unknown): reason is DropReason {
  return (DROP_REASONS as readonly unknown[]).includes(reason)
}

/**
 * What became of views, in plain numbers: one change may reach thousands of them, and nobody looks between two scrapes.
 */
export type WatchTally = {
  /** Views that are open now. */
  open: number
  /** States that were handed to clients. */
  deliveries: number
  /** States that a client never saw: a newer one came before it asked for the next. */
  coalesced: number
  /** Views that were ended, and not left. */
  dropped: Record<DropReason, number>
}

export function createWatchTally(): WatchTally {
  return {
    open: 0,
    deliveries: 0,
    coalesced: 0,
    dropped: Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<DropReason, number>,
  }
}

const REASON_OF_CODE: Partial<Record<CallErrorCode, DropReason>> = {
  UNAUTHENTICATED: 'token-expired',
  UNAVAILABLE: 'going-away',
  NOT_FOUND: 'not-visible',
}

/** The reason, by the error that the client is told. */
export function dropReasonOf(error: unknown): DropReason {
  const code = error instanceof CallError ? error.code : undefined
  return (code && REASON_OF_CODE[code]) ?? 'error'
}
