import type { GraphQLFieldResolver } from 'graphql'
import type { Caller } from '../domain/caller.ts'
import type { RequestOrigin } from '../domain/origin.ts'
import type { OrderFeed } from '../feed/order-feed.ts'
import type { StockFeed } from '../feed/stock-feed.ts'
import type { WatchTransport } from '../feed/watch-tally.ts'
import type { PrismaClient } from '../generated/prisma/client.ts'
import type { CreateOrderContext } from '../use-cases/orders/create-order.ts'
import type { OrderReader } from '../use-cases/orders/find-order.ts'
import { OperationReads } from '../use-cases/orders/operation-reads.ts'
import type { ChangeContext } from '../use-cases/orders/verbs/order-call.ts'
import { WAIT_MAX_MS } from '../use-cases/orders/wait-for-outcome.ts'
import type { WebhookContext } from '../use-cases/webhooks/webhook-context.ts'

export type FieldTracing = {
  /** The span that is under way, in the form of W3C Trace Context. */
  traceparent(): string | undefined
  /** A root field, with what a request says of itself where nothing is under way, as on a WebSocket. */
  field<Context extends { requestOrigin: RequestOrigin }>(
    resolver: GraphQLFieldResolver<unknown, Context, Record<string, unknown>>,
  ): GraphQLFieldResolver<unknown, Context, Record<string, unknown>>
}

/** What resolvers are handed of the application: what their use-cases need, and what reads rows. */
export type ResolverApp = WebhookContext &
  CreateOrderContext &
  ChangeContext & {
    groups: { findOrder: OrderReader }
    feed: Pick<OrderFeed, 'watch'>
    stockFeed: Pick<StockFeed, 'watch'>
    prisma: PrismaClient
    tracing?: FieldTracing | undefined
  }

/**
 * Where the client of a stream of server-sent events stands, by the ids of events: what it saw last on the connection before,
 * and sees on this one.
 */
export type StreamPosition = {
  /** From the header Last-Event-ID; undefined for a client that has none. */
  readonly seen: string | undefined
  id: string | undefined
  /** Whether there is nothing to see, and nothing more to come. */
  isOver: boolean
}

/** What a transport says of a call beside who makes it. */
export type CallSource = {
  /** The request, and the span, in which the call came. */
  requestOrigin: RequestOrigin
  /** Tells when the caller of a stream has hung up or was cut off; a WebSocket tells of the latter alone, and why. */
  disconnected?: AbortSignal | undefined
  /** Makes a signal that tells when the caller of a single answer has hung up: few calls need it. */
  watchConnection?: (() => AbortSignal) | undefined
  /** Where the call came from. */
  address?: string | undefined
  /** What carries its stream, where it asks for one. */
  transport?: WatchTransport | undefined
  /** Of a stream of server-sent events. */
  position?: StreamPosition | undefined
}

export type GraphQLContext = CallSource & {
  app: ResolverApp
  caller: Caller
  reads: OperationReads
  /** Values in lists that are longer than was counted before: list-cost.ts. */
  excess: Map<string | number, number>
  /** When its calls wait no longer, by `performance.now()`: they run one after the other. */
  waitsUntilMs: number
}

/** The context of one operation. */
export function createContext(
  app: ResolverApp,
  caller: Caller,
  { requestOrigin, disconnected, watchConnection, address, transport, position }: CallSource,
): GraphQLContext {
  const reads = new OperationReads(app, caller)
  return {
    app,
    caller,
    address,
    requestOrigin,
    disconnected,
    watchConnection,
    transport,
    position,
    reads,
    excess: new Map(),
    waitsUntilMs: performance.now() + WAIT_MAX_MS,
  }
}
