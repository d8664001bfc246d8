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

test('what nobody was asked for is withdrawn, and asked for at once where it is awaited again', () => {
  expect(isFirstCall(asked)).toBe(true)
  const withdrawn = settleUnasked(asked, false, NOW)
  expect(withdrawn).toMatchObject({
    decision: { kind: 'withdraw' },
    after: { state: 'WITHDRAWN', endedAt: NOW },
  })
  const awaited = settleUnasked(asked, true, NOW)
  expect(awaited).toMatchObject({ decision: { kind: 'ask-again', delayMs: 0 }, after: { state: 'ASKED' } })
  for (const { after } of [withdrawn, awaited]) {
    expect(after.step).toBe(asked.step + 1)
    expect(isFirstCall(after)).toBe(false)
  }
})

test('a supplier that may know of a line is asked for the same again, another for what is wanted now', () => {
  const line = { ...asked, qty: 2 }
  expect(askSupplier(line, settle({ kind: 'fail' }), NOW).qty).toBe(asked.qty)
  expect(askSupplier(line, settleUnasked(asked, false, NOW).after, NOW).qty).toBe(2)
})

test('asked again, after an end, it goes on behind the calls of before', () => {
  const over = settle({ kind: 'refused' })
  expect(askSupplier(over, over, NOW)).toMatchObject({ state: 'ASKED', step: over.step + 1, endedAt: null })
})
