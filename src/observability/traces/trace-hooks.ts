import type { GraphQLFieldResolver } from 'graphql'
import type { Order } from '../../domain/orders/order.ts'
import type { OrderEvent } from '../../domain/orders/order-event.ts'
import type { RequestOrigin } from '../../domain/origin.ts'
import type { JobTry, OrderRef } from '../../domain/upkeep/jobs.ts'
import type { Supplier } from '../../supplier/contract.ts'

/**
 * What is called where something begins or ends that traces show. Types alone: what is behind them is loaded where there
 * are traces, and nothing of it where there are none.
 */
export type Tracing = {
  /** The span that is under way, in the form of W3C Trace Context. */
  traceparent(): string | undefined
  /** Names the request that is under way by its route. */
  route(path: string): void
  /** A root field of GraphQL, with what a request says of itself where nothing is under way, as on a WebSocket. */
  field<Context extends { requestOrigin: RequestOrigin }>(
    resolver: GraphQLFieldResolver<unknown, Context, Record<string, unknown>>,
  ): GraphQLFieldResolver<unknown, Context, Record<string, unknown>>
  /** @param useCase what items of a group commit are seen as; without it they are not */
  group(useCase?: string): GroupTracing
  transaction<Result>(name: string, run: () => Promise<Result>): Promise<Result>
  /** A run of a job: a span for each of its orders, below what that goes back to. */
  job<Result>(job: JobTry, orders: readonly OrderRef[], run: () => Promise<Result>): Promise<Result>
  supplier<S extends Supplier>(supplier: S): S
  /** Hears of events before anybody else: what is delivered later is part of the same trace. */
  onEvents(events: readonly OrderEvent[]): void
  /**
   * Another process has moved an order, as it was asked to in this span: it is going to be delivered here.
   *
   * @param heardAtMs when this process was told, before it read the order
   */
  onHeard(order: Order, traceparent: string | undefined, heardAtMs: number): void
  /** An order was handed to somebody who watches it. */
  onDelivery(order: Order): void
}

/** Follows the items of a group commit through the commit that they share. */
export type GroupTracing = {
  /** The whole way of an item: its wait, and its commit. */
  item<Result>(run: () => Promise<Result>): Promise<Result>
  /** What stands for the item whose way is being run. */
  place(): unknown
  /** A commit, for the items that share it. */
  commit<Result>(places: readonly unknown[], run: () => Promise<Result>): Promise<Result>
}
