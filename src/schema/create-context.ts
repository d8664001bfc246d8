import type { App } from '../app.ts'
import { GroupCommit } from '../database/group-commit.ts'
import type { Caller } from '../domain/caller.ts'
import type { RequestOrigin } from '../domain/origin.ts'
import type { InventoryMovement } from '../domain/stock/stock.ts'
import type { WatchTransport } from '../feed/watch-tally.ts'
import { PAGE_BATCH_MAX, PAGES_WAITING_MAX } from '../limits.ts'
import { listMovementPages, type MovementPage } from '../use-cases/stock/list-movement-pages.ts'

/**
 * Where the client of a stream of server-sent events stands, by the versions of the order that it watches: what it saw last
 * on the connection before, and sees on this one.
 */
export type StreamPosition = {
  /** From the header Last-Event-ID; undefined for a client that has none. */
  readonly seen: number | undefined
  version: number | undefined
  /** Whether there is nothing to see, and nothing more to come. */
  isOver: boolean
}

/** What every resolver has at hand. */
export type GraphQLContext = {
  app: App
  /** Who asks. */
  caller: Caller
  /** Where the call came from. */
  address: string | undefined
  /** Tells when the caller of a stream has hung up or was cut off; a WebSocket tells of the latter alone, and why. */
  left: AbortSignal | undefined
  /** What carries its stream, where it asks for one. */
  transport: WatchTransport | undefined
  /** Of a stream of server-sent events. */
  position: StreamPosition | undefined
  /** The request, and the span, in which the call came. */
  requestOrigin: RequestOrigin
  /** Reads the pages of ledgers that one operation asks for together. */
  movementPages: GroupCommit<MovementPage, InventoryMovement[]>
}

/** What a transport says of a call beside who makes it. */
export type CallSource = {
  requestOrigin: RequestOrigin
  left?: AbortSignal | undefined
  address?: string | undefined
  transport?: WatchTransport | undefined
  position?: StreamPosition | undefined
}

/** The context of one operation. */
export function createContext(
  app: App,
  caller: Caller,
  { requestOrigin, left, address, transport, position }: CallSource,
): GraphQLContext {
  const movementPages = new GroupCommit<MovementPage, InventoryMovement[]>(
    (pages) => listMovementPages(app, caller, pages),
    { batchSizeMax: PAGE_BATCH_MAX, waitingMax: PAGES_WAITING_MAX },
  )
  return { app, caller, address, requestOrigin, left, transport, position, movementPages }
}
