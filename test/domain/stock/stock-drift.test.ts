import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decideRepairs, type StockWitnesses } from '../../../src/domain/stock/stock-drift.ts'

const figure = fc.bigInt({ min: 0n, max: 2n ** 53n - 1n })
const SOUND: StockWitnesses = {
  available: 5n,
  reserved: 2n,
  ledger: 5n,
  lastAfter: 5n,
  promised: 2n,
  isMismatched: false,
}

test('repairs nothing where all agree, and nothing of a SKU whose orders and reservations do not', () => {
  expect(decideRepairs(SOUND)).toEqual([])
  expect(decideRepairs({ ...SOUND, available: 7n, reserved: 3n, isMismatched: true })).toEqual([])
})

test('sets a counter to what the ledger says, by its sum and its last movement', () => {
  expect(decideRepairs({ ...SOUND, available: 7n, reserved: 3n })).toEqual([
    { field: 'available', to: 5n },
    { field: 'reserved', to: 2n },
  ])
})

test('leaves three figures that differ to people', () => {
  expect(decideRepairs({ ...SOUND, available: 7n, lastAfter: 6n })).toEqual([])
})

test('gives a ledger any difference to a counter that its last movement confirms, in movements that hold it', () => {
  // a few thousand movements at the most
  const within = fc.bigInt({ min: 0n, max: 2n ** 42n })
  fc.assert(
    fc.property(within, within, figure, (available, ledger, promised) => {
      fc.pre(available !== ledger)
      const stock = { ...SOUND, available, lastAfter: available, ledger, promised, reserved: promised }
      const [repair, ...others] = decideRepairs(stock)
      expect(others).toEqual([])
      const { movements } = repair as { movements: number[] }
      expect(ledger + BigInt(movements.reduce((sum, delta) => sum + delta, 0))).toBe(available)
      expect(movements.every((delta) => delta !== 0 && Math.abs(delta) < 2 ** 31)).toBe(true)
    }),
  )
})
