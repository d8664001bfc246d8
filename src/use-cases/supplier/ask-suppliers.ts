import type { Tx } from '../../database/transaction.ts'
import type { Order } from '../../domain/orders/order.ts'
import type { Allocated } from '../../domain/stock/allocation.ts'
import { askSupplier, isOpen, type SupplierRequest } from '../../domain/supplier/supplier-request.ts'
import { findRequestsOf } from '../../sql/supplier/supplier-requests.ts'

/** What suppliers were asked for before, by order. */
export type EarlierRequests = ReadonlyMap<string, readonly SupplierRequest[]>

/** Reads what suppliers were asked for locked orders before. One that nothing has changed yet has asked for nothing. */
export async function findEarlierRequests(tx: Tx, orders: readonly Order[]): Promise<EarlierRequests> {
  const changed = orders.filter(({ version }) => version > 1).map(({ id }) => id)
  if (changed.length === 0) return new Map()
  return Map.groupBy(await findRequestsOf(tx, changed), ({ orderId }) => orderId)
}

/** Asks suppliers for what an order is short of. What is still under way from before it was opened again is not asked twice. */
export function askSuppliers(
  { order, short }: Allocated<Order>,
  earlier: EarlierRequests,
  at: Date,
): SupplierRequest[] {
  return short.flatMap(({ sku, qty }) => {
    const before = findEarlier(order, sku, earlier)
    if (before && isOpen(before)) return []
    return [askSupplier({ orderId: order.id, sku, qty }, before, at)]
  })
}

/**
 * The SKU, of those that an order is short of, that a supplier has delivered for it already: others have taken it. Asked
 * again under the same key, the supplier would only confirm what came.
 */
export function findDelivered(
  { order, short }: Allocated<Order>,
  earlier: EarlierRequests,
): string | undefined {
  return short.find(({ sku }) => findEarlier(order, sku, earlier)?.state === 'DELIVERED')?.sku
}

function findEarlier({ id }: Order, sku: string, earlier: EarlierRequests): SupplierRequest | undefined {
  return earlier.get(id)?.find((request) => request.sku === sku)
}
