import type { Order } from '../../domain/orders/order.ts'
import { findRequestsOf } from '../../sql/supplier/supplier-requests.ts'
import type { ReadContext } from '../context.ts'

/** The supplier's name for what it delivers for the first line of an order; null where it has not accepted anything. */
export async function findSupplierRef(
  { pool }: ReadContext,
  { id, lines, status, version }: Order,
): Promise<string | null> {
  // nobody was asked for an order that nothing has changed, or that was reserved at once
  if (version === 1 || (version === 2 && status === 'RESERVED')) return null
  const requests = await findRequestsOf(pool, [id])
  return requests.find(({ sku }) => sku === lines[0]!.sku)?.ref ?? null
}
