import type { Order } from '../../domain/orders/order.ts'
import type { Shipment } from '../../domain/orders/shipment.ts'
import { findShipmentsOf } from '../../sql/orders/shipments.ts'
import type { ReadContext } from '../context.ts'

/** It was created, reserved and shipped. */
const SHIPPED_VERSION_MIN = 3

/** Reads the shipments of an order, the oldest first, those that were undone included. */
export async function listShipments({ pool }: ReadContext, { id, version }: Order): Promise<Shipment[]> {
  return version < SHIPPED_VERSION_MIN ? [] : findShipmentsOf(pool, [id])
}
