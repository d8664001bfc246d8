import type { StockThreshold } from '../stock/thresholds.ts'

/** What an event is about, as its id says. */
export type EventSubject =
  | { kind: 'order'; orderId: string; version: number }
  | { kind: 'movement'; movementId: bigint }
  | { kind: 'test' }

// Standard Webhooks signs `<id>.<timestamp>.<body>`: an id has no full stop. The same event has the same id, for every webhook and
// at every attempt, so it is derived from what the event is about, and kept nowhere else. It has the event's time, in milliseconds and base 36,
// because versions and numbers are given again after a restore or a failover that lost the last commits.

const ORDER = /^evt_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})_(\d+)(?:_|$)/
const MOVEMENT = /^evt_m(\d+)(?:_|$)/
const TEST = /^evt_test_/

/** The id of an event of an order: one version of it. */
export function orderEventId(orderId: string, version: number, at: Date): string {
  return `evt_${orderId}_${version}_${at.getTime().toString(36)}`
}

/** The id of a change of stock, or of a threshold that it crossed. */
export function movementEventId(movementId: bigint, at: Date, crossed?: StockThreshold): string {
  return `evt_m${movementId}_${at.getTime().toString(36)}${crossed ? `_${crossed.toLowerCase()}` : ''}`
}

/** The id of a test. */
export function testEventId(unique: string): string {
  return `evt_test_${unique}`
}

/** Reads what an event is about. @returns undefined for an id that is none of ours */
export function subjectOf(eventId: string): EventSubject | undefined {
  const order = ORDER.exec(eventId)
  if (order) return { kind: 'order', orderId: order[1]!, version: Number(order[2]) }
  const movement = MOVEMENT.exec(eventId)
  if (movement) return { kind: 'movement', movementId: BigInt(movement[1]!) }
  return TEST.test(eventId) ? { kind: 'test' } : undefined
}
