import { expect, test } from 'vitest'
import {
  decideLineRepairs,
  decideRepairs,
  type LineWitnesses,
  type StockWitnesses,
} from '../../../src/domain/stock/stock-drift.ts'
import { anOrder } from '../../support/orders.ts'
import fc from '../../support/properties.ts'

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

const said = (sku: string, promised: number, isLedgerSound = true): LineWitnesses => ({
  sku,
  promised,
  isLedgerSound,
})
const withReserved = (reserved: Record<string, number>, status: 'RESERVED' | 'AWAITING_RESTOCK') => {
  const order = anOrder({ A: 2, B: 1 }, { status, lookedAt: true })
  return { ...order, lines: order.lines.map((line) => ({ ...line, reserved: reserved[line.sku]! })) }
}

test('sets lines to what their movements hold, and leaves those that are right', () => {
  const order = withReserved({ A: 0, B: 1 }, 'RESERVED')
  expect(decideLineRepairs(order, [said('A', 2), said('B', 1)])).toEqual([{ sku: 'A', before: 0, after: 2 }])
})

test('leaves a line of a SKU whose levels contradict their movements', () => {
  const order = withReserved({ A: 0, B: 1 }, 'RESERVED')
  expect(decideLineRepairs(order, [said('A', 2, false), said('B', 1)])).toEqual([])
})

test('leaves lines that would hold more than is open, and those that would make another status of the order', () => {
  const waiting = withReserved({ A: 1, B: 0 }, 'AWAITING_RESTOCK')
  expect(decideLineRepairs(waiting, [said('A', 3), said('B', 0)])).toEqual([])
  expect(decideLineRepairs(waiting, [said('A', -1), said('B', 0)])).toEqual([])
  expect(decideLineRepairs(waiting, [said('A', 2), said('B', 1)])).toEqual([])
  expect(decideLineRepairs(waiting, [said('A', 2), said('B', 0)])).toEqual([
    { sku: 'A', before: 1, after: 2 },
  ])
})
