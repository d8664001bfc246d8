export type Role = 'CUSTOMER' | 'SERVICE' | 'OPERATOR'

const STAFF = ['SERVICE', 'OPERATOR'] as const
const OPERATORS = ['OPERATOR'] as const

/**
 * What only some roles may see or do, by the API's own names: the rest is everybody's. The API decides; this is what the console
 * does not offer in vain, and a test compares the two.
 */
export const ALLOWED = {
  readLedger: STAFF,
  readLevels: STAFF,
  readSupplierRequests: STAFF,
  readNotes: STAFF,
  shipOrder: STAFF,
  undoShipment: STAFF,
  returnOrder: STAFF,
  receiveInventory: STAFF,
  transferInventory: STAFF,
  countInventory: STAFF,
  createInventoryItem: OPERATORS,
  adjustInventory: OPERATORS,
  adjustInventories: OPERATORS,
  saveLocation: OPERATORS,
  setStockRules: OPERATORS,
  readStatus: OPERATORS,
  readDeadLetters: OPERATORS,
  readJobs: OPERATORS,
  readWebhooks: OPERATORS,
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof ALLOWED

/** Whether a role may do something, or see it. */
export function isAllowed(role: Role, action: Action): boolean {
  return (ALLOWED[action] as readonly Role[]).includes(role)
}
