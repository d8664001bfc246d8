import { describe, expect, test } from 'vitest'
import type { Order } from '../../../../src/domain/orders/order.ts'
import type { OrderChange, Refusal } from '../../../../src/domain/orders/order-change.ts'
import type { Shipment } from '../../../../src/domain/orders/shipment.ts'
import { cancel } from '../../../../src/domain/orders/verbs/cancel.ts'
import { reserve } from '../../../../src/domain/orders/verbs/reserve.ts'
import {
  type Shipped,
  type ShipRequest,
  type ShipStock,
  ship,
} from '../../../../src/domain/orders/verbs/ship.ts'
import { type ReturnRequest, takeBack } from '../../../../src/domain/orders/verbs/take-back.ts'
import { unship } from '../../../../src/domain/orders/verbs/unship.ts'
import type { Allocation } from '../../../../src/domain/stock/allocation.ts'
import type { StockLevel } from '../../../../src/domain/stock/stock.ts'
import { aLevel, aLocation, anOrder, NOW } from '../../../support/orders.ts'

const at = (location: string, sku: string, qty: number): Allocation => ({ sku, location, qty })
const LOCATIONS = [aLocation('EAST'), aLocation('MAIN'), aLocation('SHUT', { isActive: false })]

/** An order that is reserved where it holds these. */
function reservedOf(qtys: Record<string, number>, taken: Allocation[], given: Partial<Order> = {}): Order {
  return reserve({ order: anOrder(qtys, given), taken, short: [] }, NOW).after
}

function shipIt(
  order: Order,
  held: Allocation[],
  asked: Partial<ShipRequest> = {},
  stock: Partial<ShipStock> = {},
): Shipped | Refusal {
  let made = 0
  return ship(
    order,
    { held, levels: [], locations: LOCATIONS, ...stock },
    { lines: null, location: null, reference: null, expectedVersion: null, ...asked },
    () => `shipment-${++made}`,
    NOW,
  )
}

/** The change that a verb made. */
function made<Change extends OrderChange>(outcome: Change | Refusal): Change {
  if ('refusal' in outcome) throw new Error(outcome.refusal.message)
  return outcome
}

/** Moves as `type sku location delta/reservedDelta shipment`. */
function movesOf({ moves }: OrderChange): string[] {
  return moves.map(({ type, sku, location, delta, reservedDelta, shipmentId }) =>
    [type, sku, location, `${delta}/${reservedDelta}`, shipmentId ?? []].flat().join(' '),
  )
}

describe('ship', () => {
  const held = [at('EAST', 'A', 2), at('MAIN', 'A', 1), at('MAIN', 'B', 1)]
  const order = reservedOf({ A: 3, B: 1 }, held)

  test('ships all that is reserved from where it is held, a shipment a location', () => {
    const change = made(shipIt(order, held, { reference: 'DHL 1' }))
    expect(change.after.status).toBe('SHIPPED')
    expect(change.shipments).toMatchObject([
      {
        id: 'shipment-1',
        orderVersion: 3,
        location: 'EAST',
        reference: 'DHL 1',
        lines: [{ sku: 'A', qty: 2 }],
      },
      {
        id: 'shipment-2',
        location: 'MAIN',
        lines: [
          { sku: 'A', qty: 1 },
          { sku: 'B', qty: 1 },
        ],
      },
    ])
    expect(movesOf(change)).toEqual([
      'SHIPMENT A EAST 0/-2 shipment-1',
      'SHIPMENT A MAIN 0/-1 shipment-2',
      'SHIPMENT B MAIN 0/-1 shipment-2',
    ])
    expect(change.event).toEqual({ type: 'OrderShipped', lines: held })
  })

  test('ships a part from where the most is held', () => {
    const change = made(shipIt(order, held, { lines: [{ sku: 'A', qty: 1, location: null }] }))
    expect(change.after.status).toBe('PARTIALLY_SHIPPED')
    expect(movesOf(change)).toEqual(['SHIPMENT A EAST 0/-1 shipment-1'])
  })

  test('takes the promise for the rest over where a location is named that has enough', () => {
    const levels = [aLevel('A', 'MAIN', 2)]
    const lines = [{ sku: 'A', qty: 3, location: null }]
    expect(movesOf(made(shipIt(order, held, { lines, location: 'MAIN' }, { levels })))).toEqual([
      'RELEASE A EAST 2/-2',
      'RESERVATION A MAIN -2/2',
      'SHIPMENT A MAIN 0/-3 shipment-1',
    ])
  })

  test('never takes over what another line ships from where it is held', () => {
    const lines = [
      { sku: 'A', qty: 1, location: 'SOUTH' },
      { sku: 'A', qty: 2, location: 'EAST' },
    ]
    const stock = { levels: [aLevel('A', 'SOUTH', 9)], locations: [...LOCATIONS, aLocation('SOUTH')] }
    expect(movesOf(made(shipIt(order, held, { lines }, stock)))).toEqual([
      'RELEASE A MAIN 1/-1',
      'RESERVATION A SOUTH -1/1',
      'SHIPMENT A EAST 0/-2 shipment-1',
      'SHIPMENT A SOUTH 0/-1 shipment-2',
    ])
  })

  test.each<[string, string, StockLevel[], Partial<Order>, bigint, string]>([
    ['has too little', 'MAIN', [aLevel('A', 'MAIN', 1)], {}, 2n, 'it has not enough to promise'],
    [
      'would have to touch its safety stock',
      'MAIN',
      [{ ...aLevel('A', 'MAIN', 9), safetyStock: 8n }],
      {},
      2n,
      'it has not enough to promise',
    ],
    ['orders may not take from', 'SHUT', [aLevel('A', 'SHUT', 9)], {}, 0n, 'it is inactive'],
    [
      'this order does not name',
      'MAIN',
      [aLevel('A', 'MAIN', 9)],
      { locations: ['EAST', 'WEST'] },
      1n,
      'the order takes from other locations alone',
    ],
  ])(
    'takes nothing over at a location that %s, and says why',
    (_name, location, levels, given, limit, why) => {
      const asked = { lines: [{ sku: 'A', qty: 3, location }] }
      expect(shipIt({ ...order, ...given }, held, asked, { levels })).toMatchObject({
        refusal: {
          code: 'INSUFFICIENT_STOCK',
          message: `At most ${limit} of A can leave from ${location}: ${why}`,
          field: ['input', 'lines', '0', 'qty'],
          limit,
        },
      })
    },
  )

  test('ships, without lines, what a named location holds where it cannot take the rest over', () => {
    const change = made(shipIt(order, held, { location: 'MAIN' }))
    expect(change.after.status).toBe('PARTIALLY_SHIPPED')
    expect(movesOf(change)).toEqual(['SHIPMENT A MAIN 0/-1 shipment-1', 'SHIPMENT B MAIN 0/-1 shipment-1'])
    expect(shipIt(order, held, { location: 'SHUT' })).toMatchObject({
      refusal: {
        code: 'INSUFFICIENT_STOCK',
        message: expect.stringContaining(
          'SHUT holds nothing of the order, and cannot take any of it over: it is inactive',
        ),
        field: ['input', 'location'],
        limit: 0n,
      },
    })
  })

  test('counts lines of one SKU together', () => {
    const lines = [
      { sku: 'A', qty: 2, location: 'EAST' },
      { sku: 'A', qty: 2, location: 'MAIN' },
    ]
    expect(shipIt(order, held, { lines }, { levels: [aLevel('A', 'MAIN', 9)] })).toMatchObject({
      refusal: { code: 'QTY_EXCEEDED', field: ['input', 'lines', '1', 'qty'], limit: 1n },
    })
  })

  test.each<[string, Partial<ShipRequest>, string, string[]]>([
    [
      'more than is reserved',
      { lines: [{ sku: 'A', qty: 4, location: null }] },
      'QTY_EXCEEDED',
      ['lines', '0', 'qty'],
    ],
    ['from nowhere', { location: 'MOON' }, 'UNKNOWN_LOCATION', ['location']],
    [
      'a line from nowhere',
      { lines: [{ sku: 'A', qty: 1, location: 'MOON' }] },
      'UNKNOWN_LOCATION',
      ['lines', '0', 'location'],
    ],
    [
      'the same from one place twice',
      {
        location: 'MAIN',
        lines: [
          { sku: 'A', qty: 1, location: 'MAIN' },
          { sku: 'A', qty: 1, location: null },
        ],
      },
      'DUPLICATE_SKU',
      ['lines', '1', 'sku'],
    ],
    ['another version', { expectedVersion: 1 }, 'STALE_EXPECTATION', ['expectedVersion']],
  ])('refuses %s', (_name, asked, code, field) => {
    expect(shipIt(order, held, asked)).toMatchObject({ refusal: { code, field: ['input', ...field] } })
  })

  test('ships nothing while a part of the order waits', () => {
    const short = [{ sku: 'B', qty: 1, missing: 1 }]
    const waiting = reserve({ order: anOrder({ A: 1, B: 1 }), taken: [at('MAIN', 'A', 1)], short }, NOW).after
    expect(shipIt(waiting, [at('MAIN', 'A', 1)])).toMatchObject({ refusal: { code: 'WRONG_STATE' } })
    const lines = [{ sku: 'A', qty: 3, reserved: 1, shipped: 1, cancelled: 0, returned: 0 }]
    const part = anOrder({}, { lines, status: 'PARTIALLY_SHIPPED' })
    expect(shipIt(part, [at('MAIN', 'A', 1)])).toMatchObject({ refusal: { code: 'WRONG_STATE' } })
  })

  test('a cancellation after a part was shipped releases the rest only', () => {
    const part = made(shipIt(order, held, { lines: [{ sku: 'A', qty: 2, location: null }] }))
    const rest = [at('MAIN', 'A', 1), at('MAIN', 'B', 1)]
    const change = made(cancel(part.after, rest, { lines: null, expectedVersion: null }, NOW))
    expect(change.after).toMatchObject({ status: 'SHIPPED', ending: null })
    expect(movesOf(change)).toEqual(['RELEASE A MAIN 1/-1', 'RELEASE B MAIN 1/-1'])
    expect(cancel(change.after, [], { lines: null, expectedVersion: null }, NOW)).toMatchObject({
      refusal: { code: 'WRONG_STATE', field: ['input', 'id'] },
    })
  })
})

describe('unship', () => {
  const held = [at('EAST', 'A', 2), at('MAIN', 'A', 1)]
  const order = reservedOf({ A: 3 }, held)
  const shipped = made(shipIt(order, held))
  const [fromEast, fromMain] = shipped.shipments as [Shipment, Shipment]

  test('restores the promise where the goods had left', () => {
    const change = made(unship(shipped.after, fromEast, [], { expectedVersion: null }, NOW))
    expect(change.after).toMatchObject({ status: 'PARTIALLY_SHIPPED', lines: [{ reserved: 2, shipped: 1 }] })
    expect(movesOf(change)).toEqual(['SHIPMENT_UNDONE A EAST 0/2 shipment-1'])
    expect(made(unship(change.after, fromMain, [], { expectedVersion: null }, NOW)).after).toMatchObject({
      status: 'RESERVED',
      lines: [{ reserved: 3, shipped: 0 }],
    })
  })

  test('a second time is refused', () => {
    const undone = { ...fromEast, undoneAt: NOW }
    expect(unship(shipped.after, undone, [], { expectedVersion: null }, NOW)).toMatchObject({
      refusal: { code: 'WRONG_STATE' },
    })
  })

  test('is refused where more would have come back than was shipped', () => {
    const lines = [{ ...shipped.after.lines[0]!, returned: 2 }]
    expect(unship({ ...shipped.after, lines }, fromEast, [], { expectedVersion: null }, NOW)).toMatchObject({
      refusal: { code: 'QTY_EXCEEDED', limit: 1n },
    })
  })

  test('to a level that can hold no more is refused', () => {
    const undo = (available: bigint) => {
      const levels = [{ ...aLevel('A', 'EAST', 0), available }, aLevel('A', 'MAIN', 0)]
      return unship(shipped.after, fromEast, levels, { expectedVersion: null }, NOW)
    }
    expect(undo(2n ** 53n - 2n)).toMatchObject({ refusal: { code: 'INVALID_QTY', field: ['input', 'id'] } })
    expect(movesOf(made(undo(2n ** 53n - 3n)))).toEqual(['SHIPMENT_UNDONE A EAST 0/2 shipment-1'])
  })
})

describe('takeBack', () => {
  const held = [at('EAST', 'A', 2), at('MAIN', 'A', 1)]
  const shipped = made(shipIt(reservedOf({ A: 3 }, held), held))

  function takeIt(
    order: Order,
    lines: ReturnRequest['lines'],
    location: string | null = null,
    levels: StockLevel[] = [],
  ): OrderChange | Refusal {
    const stock = { shipments: shipped.shipments, levels, locations: LOCATIONS }
    return takeBack(order, stock, { lines, location, expectedVersion: null }, NOW)
  }
  const restock = (qty: number) => [{ sku: 'A', qty, disposition: 'RESTOCK' as const }]
  const discard = (qty: number) => [{ sku: 'A', qty, disposition: 'DISCARD' as const }]

  test('brings goods back to where they were shipped from, in the order of the shipments', () => {
    const first = made(takeIt(shipped.after, restock(1)))
    expect(first.after).toMatchObject({ status: 'SHIPPED', lines: [{ shipped: 3, returned: 1 }] })
    expect(movesOf(first)).toEqual(['RETURN A EAST 1/0'])
    const second = made(takeIt(first.after, restock(2)))
    expect(movesOf(second)).toEqual(['RETURN A EAST 1/0', 'RETURN A MAIN 1/0'])
    expect(second.event).toEqual({ type: 'OrderReturned', lines: [at('EAST', 'A', 1), at('MAIN', 'A', 1)] })
  })

  test('brings nothing back to where a shipment was undone', () => {
    const [first, second] = shipped.shipments as [Shipment, Shipment]
    const { after } = made(unship(shipped.after, first, [], { expectedVersion: null }, NOW))
    const stock = { shipments: [{ ...first, undoneAt: NOW }, second], levels: [], locations: [] }
    const asked = { lines: restock(1), location: null, expectedVersion: null }
    expect(movesOf(made(takeBack(after, stock, asked, NOW)))).toEqual(['RETURN A MAIN 1/0'])
  })

  test('brings nothing into stock of what is discarded', () => {
    const change = made(takeIt(shipped.after, [...discard(2), ...restock(1)]))
    expect(movesOf(change)).toEqual(['RETURN A MAIN 1/0'])
    expect(change.event!.lines).toEqual([at('MAIN', 'A', 1), { sku: 'A', qty: 2 }])
    expect(change.after.lines[0]!.returned).toBe(3)
  })

  test('brings goods to the location that is named, also to one that no order takes from', () => {
    expect(movesOf(made(takeIt(shipped.after, restock(3), 'SHUT')))).toEqual(['RETURN A SHUT 3/0'])
    expect(takeIt(shipped.after, restock(3), 'MOON')).toMatchObject({ refusal: { code: 'UNKNOWN_LOCATION' } })
  })

  test('of more than was shipped and is not back yet is refused, with what would go', () => {
    const after = made(takeIt(shipped.after, discard(1))).after
    expect(takeIt(after, restock(3))).toMatchObject({ refusal: { code: 'QTY_EXCEEDED', limit: 2n } })
    expect(takeIt(after, [...restock(2), ...discard(1)])).toMatchObject({
      refusal: { code: 'QTY_EXCEEDED', field: ['input', 'lines', '1', 'qty'], limit: 0n },
    })
    expect(takeIt(shipped.after, [...restock(1), ...restock(1)])).toMatchObject({
      refusal: { code: 'DUPLICATE_SKU' },
    })
  })

  test('to a level that can hold no more is refused', () => {
    const full = { ...aLevel('A', 'MAIN', 0), available: 2n ** 53n - 2n }
    expect(takeIt(shipped.after, restock(2), 'MAIN', [full])).toMatchObject({
      refusal: { code: 'INVALID_QTY' },
    })
  })
})
