/** Goods of one order that left one location together. */
export type Shipment = {
  /** UUID v7. */
  id: string
  orderId: string
  /** The version of the order that it made. */
  orderVersion: number
  location: string
  /** The shop's own number of it, or the carrier's. */
  reference: string | null
  lines: readonly ShipmentLine[]
  createdAt: Date
  /** When it was undone; null where it was not. */
  undoneAt: Date | null
}

export type ShipmentLine = { sku: string; qty: number }
