import { type Caller, isCallerId, type Role } from './caller.ts'
import { CallError } from './errors.ts'
import type { Order } from './orders/order.ts'

/** Actions that only some roles may do. Everything else needs only a token; for orders, `canSee` decides. */
export const ALLOWED = {
  readLedger: ['operator', 'service'],
  readLevels: ['operator', 'service'],
  readSupplierRequests: ['operator', 'service'],
  /** Who changed an order, and what they noted. */
  readNotes: ['operator', 'service'],
  shipOrder: ['operator', 'service'],
  undoShipment: ['operator', 'service'],
  returnOrder: ['operator', 'service'],
  receiveInventory: ['operator', 'service'],
  transferInventory: ['operator', 'service'],
  countInventory: ['operator', 'service'],
  createInventoryItem: ['operator'],
  adjustInventory: ['operator'],
  adjustInventories: ['operator'],
  saveLocation: ['operator'],
  setStockRules: ['operator'],
  readStatus: ['operator'],
  readDeadLetters: ['operator'],
  readJobs: ['operator'],
  retryDeadLetters: ['operator'],
  readWebhooks: ['operator'],
  writeWebhooks: ['operator'],
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof ALLOWED

export function isAllowed({ role }: Caller, action: Action): boolean {
  return (ALLOWED[action] as readonly Role[]).includes(role)
}

/** @throws {CallError} FORBIDDEN if the caller may not do this */
export function assertAllowed(caller: Caller, action: Action): void {
  if (!isAllowed(caller, action)) throw forbidden(caller)
}

/** Returns the error for an action that the caller's role may not do. */
export function forbidden({ role }: Caller): CallError {
  return new CallError('FORBIDDEN', `The role ${role} may not do this`)
}

/**
 * Returns the customer whose orders a caller may see: the one rule. Any other order looks to the caller like one that does not
 * exist.
 *
 * @returns null if the caller may see every order
 */
export function customerSeenBy({ id, role }: Caller): string | null {
  return role === 'customer' ? id : null
}

/** Whether a caller may see an order. */
export function canSee(caller: Caller, { customerId }: Pick<Order, 'customerId'>): boolean {
  const seen = customerSeenBy(caller)
  return seen === null || seen === customerId
}

/**
 * Returns the customer of a new order: a customer itself, or whom a service or an operator names.
 *
 * @param asked the customer that the caller names, null for none
 * @throws {CallError} FORBIDDEN if a customer names another customer, BAD_USER_INPUT if the id is malformed
 */
export function customerOf(caller: Caller, asked: string | null): string | null {
  if (caller.role === 'customer') {
    if (asked !== null && asked !== caller.id) {
      throw new CallError('FORBIDDEN', 'A customer can order only for itself')
    }
    return caller.id
  }
  if (asked !== null && !isCallerId(asked)) {
    throw new CallError('BAD_USER_INPUT', 'customerId must be 1 to 255 characters on one line, and not blank')
  }
  return asked
}

/**
 * Checks a caller again, at a delivery that comes long after the call.
 *
 * @throws {CallError} UNAUTHENTICATED once the caller's token has expired, NOT_FOUND if it may not see the order
 */
export function assertMayWatch(caller: Caller, order: Pick<Order, 'id' | 'customerId'>, now: number): void {
  if (caller.expiresAt && caller.expiresAt.getTime() <= now) throw tokenExpired()
  if (!canSee(caller, order)) throw noSuchOrder(order.id)
}

export function tokenExpired(): CallError {
  return new CallError('UNAUTHENTICATED', 'The token has expired')
}

export function noSuchOrder(id: string): CallError {
  return new CallError('NOT_FOUND', `There is no order ${id}`)
}
