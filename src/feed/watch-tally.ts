import { CallError } from '../domain/errors.ts'

/** How a view of an order comes to its client: as a stream over HTTP, or over a WebSocket. */
export const WATCH_TRANSPORTS = ['sse', 'websocket'] as const
export type WatchTransport = (typeof WATCH_TRANSPORTS)[number]

/** Why a view was ended with an error: the process stops, the caller's token is over, or the order is not for it any more. */
export const DROP_REASONS = ['going-away', 'token-expired', 'not-visible'] as const
export type DropReason = (typeof DROP_REASONS)[number]

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
  /** Views that were ended with an error. */
  dropped: Record<DropReason, number>
}

export function createWatchTally(): WatchTally {
  return {
    open: 0,
    deliveries: 0,
    coalesced: 0,
    dropped: { 'going-away': 0, 'token-expired': 0, 'not-visible': 0 },
  }
}

/** The reason, by the error that the client is told. */
export function dropReasonOf(error: unknown): DropReason {
  const code = error instanceof CallError ? error.code : undefined
  if (code === 'UNAUTHENTICATED') return 'token-expired'
  return code === 'UNAVAILABLE' ? 'going-away' : 'not-visible'
}
