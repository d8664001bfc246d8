import type { Caller } from '../domain/caller.ts'
import type { WriteContext } from '../use-cases/context.ts'
import { createInventoryItem } from '../use-cases/stock/verbs/create-inventory-item.ts'

/** What the ledger says of where the stock came from. */
const SEEDER: Caller = { id: 'seed', role: 'operator', expiresAt: null }

/** One item for each thing that can happen to an order: the simulated supplier decides by the end of the SKU. */
const DEMO_CATALOGUE = [
  { sku: 'WIDGET', name: 'Widget', available: 1_000 },
  { sku: 'GADGET', name: 'Gadget', available: 50 },
  { sku: 'GIZMO', name: 'Gizmo', available: 5 },
  { sku: 'BACKORDER', name: 'Backorder, until it is restocked', available: 0 },
  { sku: 'SCARCE-OK', name: 'Scarce, the supplier delivers', available: 0 },
  { sku: 'SCARCE-FAIL', name: 'Scarce, the supplier fails', available: 0 },
  { sku: 'SCARCE-DELAYED', name: 'Scarce, the supplier is late for ever', available: 0 },
  { sku: 'SCARCE-LATE', name: 'Scarce, the supplier is late once', available: 0 },
  { sku: 'SCARCE-REFUSED', name: 'Scarce, the supplier refuses', available: 0 },
  { sku: 'SCARCE-DOWN', name: 'Scarce, the supplier is down', available: 0 },
  { sku: 'SCARCE-FLAKY', name: 'Scarce, the supplier answers every second call', available: 0 },
]

/**
 * Creates the items of the demo catalogue that are missing; those that are there stay as they are.
 */
export async function seedDemoCatalogue(context: WriteContext): Promise<number> {
  let created = 0
  for (const item of DEMO_CATALOGUE) {
    const { inventoryItem } = await createInventoryItem(context, SEEDER, item)
    if (inventoryItem) created++
  }
  return created
}
