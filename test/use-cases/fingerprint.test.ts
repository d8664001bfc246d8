import { expect, test } from 'vitest'
import { fingerprintOf } from '../../src/use-cases/fingerprint.ts'

const LINES = [
  { sku: 'A', qty: 1 },
  { sku: 'B', qty: 2 },
]

test('fields count by name, and not by place', () => {
  const swapped = LINES.map(({ sku, qty }) => ({ qty, sku }))
  expect(fingerprintOf('createOrder', { lines: LINES, customerId: 'c' })).toBe(
    fingerprintOf('createOrder', { customerId: 'c', lines: swapped }),
  )
})

test('a field that is null counts as if it were not there', () => {
  expect(fingerprintOf('createOrder', { lines: LINES, customerId: null, reference: undefined })).toBe(
    fingerprintOf('createOrder', { lines: LINES }),
  )
})

test.each([
  ['another verb', 'cancelOrder', { lines: LINES }],
  ['another value', 'createOrder', { lines: [{ sku: 'A', qty: 2 }, LINES[1]] }],
  ['lines in another order', 'createOrder', { lines: LINES.toReversed() }],
  ['another field', 'createOrder', { lines: LINES, customerId: 'c' }],
  ['the same text under another name', 'createOrder', { lines: LINES, reference: 'c' }],
])('%s makes another fingerprint', (_what, verb, input) => {
  const others = [{ lines: LINES }, { lines: LINES, locations: ['c'] }].map((other) =>
    fingerprintOf('createOrder', other),
  )
  expect(others).not.toContain(fingerprintOf(verb, input))
})
