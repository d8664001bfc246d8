import { type FailureReason, isFinal, type OrderStatus } from '../domain/orders/order-status.ts'
import type { Outcome, Scenario } from './scenarios.ts'

/** One change of an order, as GraphQL tells it. */
export type Change = {
  from: OrderStatus | null
  to: OrderStatus
  reason: FailureReason | null
  version: number
  /** By the server's clock. */
  at: string
}

/** Where the server listens, and the Authorization header that calls send; '' for none. */
export type DemoServer = { url: string; authorization: string }

/** An order that the demo has placed, with the changes that it has heard of, oldest first: at least its creation. */
export type DemoOrder = { id: string; scenario: Scenario; changes: Change[] }

export const CHANGES_FIELD = 'events { from to reason version at }'

/** What became of an order; undefined while it is under way. */
export function outcomeOf({ changes }: DemoOrder): Outcome | undefined {
  const { to, reason } = changes.at(-1)!
  return isFinal(to) ? (reason ?? 'RESERVED') : undefined
}
