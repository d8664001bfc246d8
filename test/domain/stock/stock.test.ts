import { expect, test } from 'vitest'
import { followMoves, hasRoomFor, promisableAt, stockMove } from '../../../src/domain/stock/stock.ts'
import { aLevel } from '../../support/orders.ts'

test('each move says what it leaves at its level, one after the other', () => {
  const levels = [aLevel('A', 'EAST', 5), aLevel('A', 'MAIN', 10, 2), aLevel('B', 'MAIN', 7)]
  const moves = [
    stockMove('RESERVATION', { sku: 'A', location: 'MAIN', qty: 4 }),
    stockMove('RELEASE', { sku: 'A', location: 'MAIN', qty: 1 }),
    stockMove('SHIPMENT', { sku: 'A', location: 'MAIN', qty: 5 }),
    stockMove('SHIPMENT_UNDONE', { sku: 'A', location: 'MAIN', qty: 5 }),
    stockMove('RETURN', { sku: 'A', location: 'EAST', qty: 2 }),
    stockMove('ADJUSTMENT', { sku: 'B', location: 'MAIN', qty: -3 }),
  ]
  const changes = followMoves(levels, moves)
  expect(changes.map(({ availableAfter, reservedAfter }) => [availableAfter, reservedAfter])).toEqual([
    [6n, 6n],
    [7n, 5n],
    [7n, 0n],
    [7n, 5n],
    [7n, 0n],
    [4n, 0n],
  ])
  expect(changes.map(({ availableAfter, reservedAfter, ...move }) => move)).toEqual(moves)
  expect(levels[1]).toEqual(aLevel('A', 'MAIN', 10, 2))
})

test('a move at a level that was not given is a bug', () => {
  const move = stockMove('RETURN', { sku: 'A', location: 'EAST', qty: 1 })
  expect(() => followMoves([aLevel('A', 'MAIN', 1)], [move])).toThrow('No stock level for SKU A at EAST')
})

test('of a level that is below its safety stock nothing can be promised', () => {
  expect(promisableAt({ ...aLevel('A', 'MAIN', 5), safetyStock: 3n })).toBe(2n)
  expect(promisableAt({ ...aLevel('A', 'MAIN', 2), safetyStock: 3n })).toBe(0n)
})

test('of a SKU no more can be on hand, at all locations together, than JSON carries', () => {
  const full = { ...aLevel('A', 'MAIN', 0), available: 2n ** 53n - 8n, reserved: 1n }
  const other = aLevel('A', 'EAST', 5)
  expect([hasRoomFor([full, other], 1), hasRoomFor([full, other], 2)]).toEqual([true, false])
})
