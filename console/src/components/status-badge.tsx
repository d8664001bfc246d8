import type { graphql } from '../api/graphql.ts'

export type OrderStatus = ReturnType<typeof graphql.scalar<'OrderStatus'>>

/** What each state is called, and what kind of state it is: that decides its colour. */
const STATES: Record<OrderStatus, { text: string; kind: 'moving' | 'waiting' | 'good' | 'over' | 'bad' }> = {
  PENDING: { text: 'Pending', kind: 'moving' },
  RESERVED: { text: 'Reserved', kind: 'good' },
  AWAITING_RESTOCK: { text: 'Awaiting restock', kind: 'waiting' },
  PARTIALLY_SHIPPED: { text: 'Partially shipped', kind: 'good' },
  SHIPPED: { text: 'Shipped', kind: 'over' },
  CANCELLED: { text: 'Cancelled', kind: 'over' },
  EXPIRED: { text: 'Expired', kind: 'over' },
  FAILED: { text: 'Failed', kind: 'bad' },
}

/** The states as options of a select. */
export const STATUS_OPTIONS = Object.entries(STATES).map(([status, { text }]) => [status, text] as const)

/** Where an order stands. The text says it; the colour only helps. */
export function StatusBadge({ status }: { status: OrderStatus }) {
  const { text, kind } = STATES[status]
  return <span class={`badge ${kind}`}>{text}</span>
}
