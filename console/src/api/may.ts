export type Role = 'CUSTOMER' | 'SERVICE' | 'OPERATOR'

const STAFF = ['SERVICE', 'OPERATOR'] as const
const OPERATORS = ['OPERATOR'] as const

/**
 * Actions that only some roles may do, as `domain/authorisation.ts` has them: the API decides, and the console offers nothing in
 * vain. It takes nothing from `src`; `roles.test.ts` compares the two.
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
  retryDeadLetters: OPERATORS,
  readWebhooks: OPERATORS,
  writeWebhooks: OPERATORS,
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof ALLOWED

/** Whether a role may do something, or see it. */
export function isAllowed(role: Role, action: Action): boolean {
  return (ALLOWED[action] as readonly Role[]).includes(role)
}
