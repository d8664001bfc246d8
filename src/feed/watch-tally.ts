import { CallError, type CallErrorCode } from '../domain/errors.ts'

/** How a view reaches its client: as server-sent events or over a WebSocket. */
export const WATCH_TRANSPORTS = ['sse', 'websocket'] as const
export type WatchTransport = (typeof WATCH_TRANSPORTS)[number]

/**
 * Why Holdfast ended a view: the process stops or the view has to begin again, the caller's token expired, or the caller may no longer see the order; the
 * client did not read, did not answer pings, or had too many operations in flight; or Holdfast failed.
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

/** Whether an abort reason says that the server cut the client off. */
export function isDropReason(reason: unknown): reason is DropReason {
  return (DROP_REASONS as readonly unknown[]).includes(reason)
}

/** Counts of views, as plain numbers that a scrape reads: one change may reach thousands of views. */
export type WatchTally = {
  /** Open views. */
  open: number
  /** States delivered to clients. */
  deliveries: number
  /** States that a client never saw, because a newer one replaced them. */
  coalesced: number
  /** Views that Holdfast ended. */
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

/** Returns the reason for the error that the client gets. */
export function dropReasonOf(error: unknown): DropReason {
  const code = error instanceof CallError ? error.code : undefined
  return (code && REASON_OF_CODE[code]) ?? 'error'
}
