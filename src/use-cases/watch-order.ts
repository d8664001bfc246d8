import { validate as isUuid } from 'uuid'
import type { App } from '../app.ts'
import { CallError } from '../domain/errors.ts'
import type { OrderWatcher } from '../feed/order-watcher.ts'

/**
 * Watches an order: its state as it stands unless `afterVersion` covers it, then every change, ending with FAILED.
 *
 * @param afterVersion the version that the caller has seen, 0 for none
 * @throws {CallError} NOT_FOUND when there is no such order
 */
export async function watchOrder(app: App, orderId: string, afterVersion: number): Promise<OrderWatcher> {
  if (!isUuid(orderId)) throw new CallError('NOT_FOUND', 'There is no order with this id')
  return app.feed.watch(orderId.toLowerCase(), afterVersion)
}
