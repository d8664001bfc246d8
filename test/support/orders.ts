import type { Order } from '../../src/domain/orders/order.ts'
import type { Location } from '../../src/domain/stock/location.ts'
import type { StockLevel } from '../../src/domain/stock/stock.ts'

// Orders and stock for tests of pure functions.

export const NOW = new Date('2026-11-28T12:00:00Z')

/** A new order of these quantities, by SKU. */
export function anOrder(qtys: Record<string, number>, given: Partial<Order> = {}): Order {
  return {
    id: '019ad000-0000-7000-8000-000000000001',
    customerId: null,
    reference: null,
    locations: null,
    ifShort: 'ASK_SUPPLIER',
    expiresAt: null,
    lines: Object.entries(qtys).map(([sku, qty]) => ({
      sku,
      qty,
      reserved: 0,
      shipped: 0,
      cancelled: 0,
      returned: 0,
    })),
    status: 'PENDING',
    failureReason: null,
    lookedAt: false,
    ending: null,
    version: 1,
    createdAt: NOW,
    updatedAt: NOW,
    ...given,
  }
}

export function aLocation(code: string, given: Partial<Location> = {}): Location {
  return { code, name: code, priority: 100, isActive: true, ...given }
}

export function aLevel(sku: string, location: string, available: number, reserved = 0): StockLevel {
  return { sku, location, available: BigInt(available), reserved: BigInt(reserved), safetyStock: 0n }
}
