/** A quantity of a SKU at a location: what an order takes there, or holds there. */
export type Allocation = { sku: string; location: string; qty: number }

/** A line that wants more than can be promised when its turn comes. It takes nothing. */
export type ShortLine = { sku: string; qty: number; missing: number }

/** How an order's lines are spread over locations. */
export const ALLOCATION_STRATEGIES = ['fewest-locations', 'priority', 'most-stock'] as const
export type AllocationStrategy = (typeof ALLOCATION_STRATEGIES)[number]
