import type { Order } from '../../domain/orders/order.ts'
import { type OrderShape, shapeOrder } from '../../shapes/order-shape.ts'
import type { ReadContext } from '../../use-cases/context.ts'
import { listShipments } from '../../use-cases/orders/list-shipments.ts'
import { findSupplierRef } from '../../use-cases/supplier/find-supplier-ref.ts'

/** Makes the body that tells of an order, and of its shipments as they are by now. */
export async function orderBody(context: ReadContext, order: Order): Promise<OrderShape> {
  const [supplierRef, shipments] = await Promise.all([
    findSupplierRef(context, order),
    listShipments(context, order),
  ])
  return shapeOrder(order, { supplierRef, shipments })
}
