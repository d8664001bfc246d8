import { type Caller, isCallerId, type Role } from './caller.ts'
import { CallError } from './errors.ts'
import type { Order } from './orders/order.ts'

/** What not every role may do, and who may. All else everyone may who has a token; of orders `canSee` decides. */
const ALLOWED = {
  readLedger: ['operator', 'service'],
  createInventoryItem: ['operator'],
  adjustInventory: ['operator'],
  readStatus: ['operator'],
  readDeadLetters: ['operator'],
  retryDeadLetters: ['operator'],
} as const satisfies Record<string, readonly Role[]>

export type Action = keyof typeof ALLOWED

export function isAllowed({ role }: Caller, action: Action): boolean {
  return (ALLOWED[action] as readonly Role[]).includes(role)
}

/** @throws {CallError} FORBIDDEN where the caller may not do this */
export function assertAllowed(caller: Caller, action: Action): void {
  if (!isAllowed(caller, action)) throw forbidden(caller)
}

/** What a caller is told that may not do what it asked for. */
export function forbidden({ role }: Caller): CallError {
  return new CallError('FORBIDDEN', `The role ${role} may not do this`)
}

/**
 * The customer whose orders are all that a caller may know of: the one rule. An order that it may not know of is to it,
 * everywhere, as one that does not exist.
 *
 * @returns null where it may know of every order
 */
export function customerSeenBy({ id, role }: Caller): string | null {
  return role === 'customer' ? id : null
}

/** Whether a caller may know of an order. */
export function canSee(caller: Caller, { customerId }: Pick<Order, 'customerId'>): boolean {
  const seen = customerSeenBy(caller)
  return seen === null || seen === customerId
}

/**
 * Whose order a new one is.
 *
 * @param asked the customer that the caller names, null for none
 * @returns a customer's own id; of others whom they name
 * @throws {CallError} FORBIDDEN for a customer that names another, BAD_USER_INPUT for what cannot be a customer's id
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
 * Looks at a caller anew, where what it may see comes after its call.
 *
 * @throws {CallError} UNAUTHENTICATED once its token has expired, NOT_FOUND for an order that it may not know of
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
