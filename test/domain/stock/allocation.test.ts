import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allocate } from '../../../src/domain/stock/allocation.ts'

const skus = ['A', 'B', 'C']
const claims = fc
  .array(fc.record({ sku: fc.constantFrom(...skus), qty: fc.integer({ min: 1, max: 1_000_000 }) }), {
    maxLength: 60,
  })
  .map((list) => list.map((claim, turn) => ({ ...claim, id: `order-${turn}` })))
const level = fc.oneof(fc.bigInt({ min: 0n, max: 20n }), fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }))
const stock = fc
  .tuple(level, level, level)
  .map((levels) => levels.map((available, i) => ({ sku: skus[i]!, available })))

test('gives each claim its turn: whoever fits gets all, whoever does not takes nothing', () => {
  fc.assert(
    fc.property(claims, stock, (claims, stock) => {
      const { reserved, short } = allocate(claims, stock)
      const left = new Map(stock.map(({ sku, available }) => [sku, available]))
      const reservedById = new Map(reserved.map((entry) => [entry.claim.id, entry]))
      for (const claim of claims) {
        const before = left.get(claim.sku)!
        const entry = reservedById.get(claim.id)
        if (entry) {
          expect(entry.availableAfter).toBe(before - BigInt(claim.qty))
          expect(entry.availableAfter).toBeGreaterThanOrEqual(0n)
          left.set(claim.sku, entry.availableAfter)
        } else {
          // stock that was there is never refused
          expect(before).toBeLessThan(BigInt(claim.qty))
          expect(short).toContain(claim)
        }
      }
      expect(reserved.length + short.length).toBe(claims.length)
    }),
    { numRuns: 500 },
  )
})

test('changes neither what it is given', () => {
  const claims = [{ id: '1', sku: 'A', qty: 2 }]
  const stock = [{ sku: 'A', available: 3n }]
  allocate(claims, stock)
  expect(stock).toEqual([{ sku: 'A', available: 3n }])
  expect(claims).toEqual([{ id: '1', sku: 'A', qty: 2 }])
})

test('lets a small order behind a large one have what the large one could not take', () => {
  const large = { id: '1', sku: 'A', qty: 5 }
  const small = { id: '2', sku: 'A', qty: 3 }
  const { reserved, short } = allocate([large, small], [{ sku: 'A', available: 3n }])
  expect(short).toEqual([large])
  expect(reserved).toEqual([{ claim: small, availableAfter: 0n }])
})

test('refuses to guess the stock of a SKU that it was not given', () => {
  expect(() => allocate([{ id: '1', sku: 'A', qty: 1 }], [])).toThrow('No stock level for SKU A')
})
