import { validate as isUuid } from 'uuid'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import type { OrderFeed } from '../../feed/order-feed.ts'
import type { OrderWatcher } from '../../feed/order-watcher.ts'
import type { WatchTransport } from '../../feed/watch-tally.ts'

/** What `watchOrder` is handed. */
export type WatchOrderContext = { feed: Pick<OrderFeed, 'watch'> }

/**
 * Watches an order: first its current state, unless that is `afterVersion` or older, then every change. Ends with FAILED,
 * or when the caller's token expires.
 *
 * @param afterVersion the version that the caller has seen, 0 for none
 * @param transport by which a client receives the view; undefined for a view within this process
 * @param disconnected ends the view: the client disconnected
 * @throws {CallError} NOT_FOUND if there is no such order, or the caller may not see it
 */
export async function watchOrder(
  { feed }: WatchOrderContext,
  caller: Caller,
  orderId: string,
  afterVersion: number,
  transport?: WatchTransport,
  disconnected?: AbortSignal,
): Promise<OrderWatcher> {
  if (!isUuid(orderId)) throw new CallError('NOT_FOUND', 'There is no order with this id')
  return feed.watch(caller, orderId.toLowerCase(), afterVersion, transport, disconnected)
}
