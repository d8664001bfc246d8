import fc from 'fast-check'
import type { SupplierOutcome } from '../../src/domain/supplier/supplier-policy.ts'
import type { ModelCall, ModelJob, ModelOrder, ModelRequest, StockModel } from './stock-model.ts'

// What commands are given. What is picked are numbers that mean something only where there is something to pick from.

export const SKUS = ['A', 'B', 'C'] as const

export const pick = fc.nat(999)
export const picks = fc.array(pick, { minLength: 1, maxLength: 5 })

/** Most picks are of what matters now; the others must change nothing. */
export function pickFrom<Item>(
  items: readonly Item[],
  likely: (item: Item) => boolean,
  number: number,
): Item {
  const liked = number % 4 === 0 ? [] : items.filter(likely)
  const from = liked.length > 0 ? liked : items
  return from[Math.floor(number / 4) % from.length]!
}

export const isPending = (order: ModelOrder) => order.status === 'PENDING'
export const isAwaiting = (order: ModelOrder) => order.status === 'AWAITING_RESTOCK'

export const outcome = fc.oneof(
  fc.record({ kind: fc.constant('accepted' as const), ref: fc.constantFrom('r1', 'r2') }),
  fc.constantFrom<SupplierOutcome[]>(
    { kind: 'refused' },
    { kind: 'ok' },
    { kind: 'ok' },
    { kind: 'fail' },
    { kind: 'delayed' },
    { kind: 'delayed' },
    { kind: 'transport-error', detail: 'answered 503' },
    { kind: 'transport-error', detail: 'timed out' },
    { kind: 'transport-error', detail: 'answered 429', retryAfterMs: 30 },
  ),
)
export type PickedCall = { pick: number; late: number; outcome: SupplierOutcome }
export const calls = fc.array(
  fc.record<PickedCall>({ pick, late: fc.constantFrom(0, 0, 0, 1, 1, -1), outcome }),
  {
    minLength: 1,
    maxLength: 6,
  },
)

/** Calls for the step that their order is on, for the one before, and for one that has yet to come. */
export function callsOf(orders: readonly ModelOrder[], list: readonly PickedCall[]): ModelCall[] {
  return list.map(({ pick, late, outcome }) => {
    const order = pickFrom(orders, isAwaiting, pick)
    return { orderId: order.id, step: order.step - late, outcome }
  })
}

const sku = fc.constantFrom(...SKUS)
export const request = fc.record<ModelRequest>({
  sku: fc.oneof({ weight: 12, arbitrary: sku }, { weight: 1, arbitrary: fc.constantFrom('NONE', '?') }),
  qty: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: 1, max: 6 }) },
    { weight: 1, arbitrary: fc.constantFrom(0, -1, 1_000_000, 1_000_001) },
  ),
  idempotencyKey: fc.oneof(fc.constant(null), fc.constantFrom('k1', 'k2', 'k3')),
  caller: fc.constantFrom('ann', 'bob'),
})
/** Now and then the first is sent again under its key. */
export const requests = fc
  .tuple(fc.array(request, { minLength: 1, maxLength: 5 }), fc.nat(2))
  .map(([list, again]) => [...list, ...Array.from({ length: again }, () => list[0]!)])
export const adjustment = fc.record({ sku, delta: fc.integer({ min: -8, max: 8 }) })

export function pickJobs(model: StockModel, picks: readonly number[]): ModelJob[] {
  if (model.jobs.length === 0) return []
  return [...new Set(picks.map((pick) => pickFrom(model.jobs, () => true, pick)))]
}
