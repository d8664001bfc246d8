import type { App } from '../../src/create-app.ts'
import type { InventoryItem } from '../../src/domain/stock/stock.ts'
import type { SupplierRequest } from '../../src/domain/supplier/supplier-request.ts'
import { findItem } from '../../src/sql/stock/items.ts'
import { findRequestsOf } from '../../src/sql/supplier/supplier-requests.ts'

/** What there is of an item, over all locations. */
export async function readItem({ pool }: Pick<App, 'pool'>, sku: string): Promise<InventoryItem> {
  return (await findItem(pool, sku))!
}

/** What a supplier was asked for an order, of its first line by default. */
export async function readRequest(
  { pool }: Pick<App, 'pool'>,
  orderId: string,
  sku?: string,
): Promise<SupplierRequest> {
  const requests = await findRequestsOf(pool, [orderId])
  return requests.find((request) => request.sku === (sku ?? request.sku))!
}
