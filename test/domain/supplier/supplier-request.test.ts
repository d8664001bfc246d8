import { expect, test } from 'vitest'
import type { SupplierOutcome, SupplierPolicy } from '../../../src/domain/supplier/supplier-policy.ts'
import {
  askSupplier,
  isFirstCall,
  isOpen,
  settleRequest,
  settleUnasked,
} from '../../../src/domain/supplier/supplier-request.ts'
import { NOW } from '../../support/orders.ts'

const POLICY: SupplierPolicy = {
  recheckDelayMs: 100,
  recheckLimit: 2,
  recheckFactor: 1,
  attemptsMax: 3,
  retryBaseMs: 10,
}
const asked = askSupplier(
  { orderId: '019ad000-0000-7000-8000-000000000001', sku: 'A', qty: 3 },
  undefined,
  NOW,
)
const settle = (outcome: SupplierOutcome) => settleRequest(asked, outcome, POLICY, 0.5, NOW).after

test.each<[SupplierOutcome, string]>([
  [{ kind: 'accepted', ref: 'r1' }, 'ACCEPTED'],
  [{ kind: 'refused' }, 'REFUSED'],
  [{ kind: 'ok' }, 'DELIVERED'],
  [{ kind: 'fail' }, 'FAILED'],
  [{ kind: 'delayed' }, 'ASKED'],
  [{ kind: 'transport-error', detail: 'timed out' }, 'ASKED'],
])('every outcome outdates the call that it is of: %j', (outcome, state) => {
  const after = settle(outcome)
  expect(after).toMatchObject({ orderId: asked.orderId, sku: 'A', qty: 3, state, step: asked.step + 1 })
  expect(isOpen(after)).toBe(after.endedAt === null)
})

test('what nobody was asked for is forgotten, and asked for at once where it is awaited again', () => {
  expect(isFirstCall(asked)).toBe(true)
  expect(settleUnasked(asked, false)).toEqual({ decision: { kind: 'forget' } })
  expect(settleUnasked(asked, true)).toMatchObject({
    decision: { kind: 'ask-again', delayMs: 0 },
    after: { state: 'ASKED', step: asked.step + 1 },
  })
})

test('a supplier is asked for the same again', () => {
  expect(askSupplier({ ...asked, qty: 2 }, settle({ kind: 'fail' }), NOW).qty).toBe(asked.qty)
})

test('asked again, after an end, it goes on behind the calls of before', () => {
  const over = settle({ kind: 'refused' })
  expect(askSupplier(over, over, NOW)).toMatchObject({ state: 'ASKED', step: over.step + 1, endedAt: null })
})
