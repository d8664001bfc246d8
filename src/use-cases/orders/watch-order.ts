import { validate as isUuid } from 'uuid'
import type { Caller } from '../../domain/caller.ts'
import { CallError } from '../../domain/errors.ts'
import type { OrderFeed } from '../../feed/order-feed.ts'
import type { OrderWatcher } from '../../feed/order-watcher.ts'
import type { WatchTransport } from '../../feed/watch-tally.ts'

/** What `watchOrder` is handed. */
export type WatchOrderContext = { feed: Pick<OrderFeed, 'watch'> }

/**
 * Watches an order: its state as it stands unless `afterVersion` covers it, then every change, ending with FAILED or CANCELLED,
 * or with the caller's token.
 *
 * @param afterVersion the version that the caller has seen, 0 for none
 * @param transport what carries the view to a client; undefined for one that stays in this process
 * @param disconnected ends the view once the caller has hung up
 * @throws {CallError} NOT_FOUND when there is no such order for the caller to see
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
