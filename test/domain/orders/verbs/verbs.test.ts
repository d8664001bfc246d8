import { describe, expect, test } from 'vitest'
import type { Order } from '../../../../src/domain/orders/order.ts'
import type { OrderChange, Refusal } from '../../../../src/domain/orders/order-change.ts'
import { cancel } from '../../../../src/domain/orders/verbs/cancel.ts'
import { deliver } from '../../../../src/domain/orders/verbs/deliver.ts'
import { fail } from '../../../../src/domain/orders/verbs/fail.ts'
import { reopen } from '../../../../src/domain/orders/verbs/reopen.ts'
import { reserve } from '../../../../src/domain/orders/verbs/reserve.ts'
import type { Allocation } from '../../../../src/domain/stock/allocation.ts'
import { anOrder, NOW } from '../../../support/orders.ts'

const LATER = new Date(NOW.getTime() + 1_000)
const ANY_VERSION = { expectedVersion: null }

const at = (location: string, sku: string, qty: number): Allocation => ({ sku, location, qty })

/** An order that holds these. What it lacks of its lines waits, and is looked at. */
function holding(order: Order, taken: Allocation[]): Order {
  const short = order.lines.flatMap(({ sku, qty }) =>
    taken.some((part) => part.sku === sku) ? [] : [{ sku, qty, missing: qty }],
  )
  return reserve({ order, taken, short }, NOW).after
}

/** The change that a verb made. */
function made(outcome: OrderChange | Refusal): OrderChange {
  if ('refusal' in outcome) throw new Error(outcome.refusal.message)
  return outcome
}

/** Moves as `type sku location delta/reservedDelta`. */
function movesOf({ moves }: OrderChange): string[] {
  return moves.map(({ type, sku, location, delta, reservedDelta }) => {
    return `${type} ${sku} ${location} ${delta}/${reservedDelta}`
  })
}

/** Lines as reserved, shipped, cancelled. */
function partsOf({ lines }: Order): number[][] {
  return lines.map(({ reserved, shipped, cancelled }) => [reserved, shipped, cancelled])
}

describe('reserve', () => {
  test('reserves an order of which all is there', () => {
    const order = anOrder({ A: 2, B: 1 })
    const change = reserve({ order, taken: [at('MAIN', 'A', 2), at('MAIN', 'B', 1)], short: [] }, LATER)
    expect(change.before).toBe(order)
    expect(change.after).toMatchObject({
      status: 'RESERVED',
      version: 2,
      lookedAt: false,
      updatedAt: LATER,
    })
    expect(change.event).toEqual({ type: 'OrderReserved', lines: null })
    expect(movesOf(change)).toEqual(['RESERVATION A MAIN -2/2', 'RESERVATION B MAIN -1/1'])
    expect(change.moves.map(({ orderId, orderVersion }) => [orderId, orderVersion])).toEqual([
      [order.id, 2],
      [order.id, 2],
    ])
  })

  test('holds what is there while the rest is short', () => {
    const order = anOrder({ A: 2, B: 5 })
    const short = [{ sku: 'B', qty: 5, missing: 4 }]
    const change = reserve({ order, taken: [at('MAIN', 'A', 2)], short }, NOW)
    expect(change.after).toMatchObject({ status: 'AWAITING_RESTOCK', lookedAt: true })
    expect(partsOf(change.after)).toEqual([
      [2, 0, 0],
      [0, 0, 0],
    ])
    expect(change.after.lines[1]).toBe(order.lines[1])
    expect(change.event).toEqual({ type: 'OrderAwaitingRestock', lines: short })
  })
})

describe('deliver', () => {
  const waiting = holding(anOrder({ A: 2, B: 1 }), [])

  test('reserves what comes for a line, and waits for the others', () => {
    const change = deliver(waiting, [{ sku: 'B', qty: 1 }], NOW)
    expect(change.after.status).toBe('AWAITING_RESTOCK')
    expect(change.event).toEqual({ type: 'OrderReserved', lines: [at('MAIN', 'B', 1)] })
    expect(movesOf(change)).toEqual(['SUPPLIER_RECEIPT B MAIN 1/0', 'RESERVATION B MAIN -1/1'])
  })

  test('reserves the order once nothing waits, in one event for several lines', () => {
    const change = deliver(
      waiting,
      [
        { sku: 'A', qty: 2 },
        { sku: 'B', qty: 1 },
      ],
      NOW,
    )
    expect(change.after).toMatchObject({ status: 'RESERVED', version: waiting.version + 1 })
    expect(change.event).toEqual({ type: 'OrderReserved', lines: null })
  })

  test('brings goods to the first of the locations that the order names', () => {
    const [move] = deliver({ ...waiting, locations: ['WEST', 'MAIN'] }, [{ sku: 'A', qty: 2 }], NOW).moves
    expect(move).toMatchObject({ location: 'WEST' })
  })

  test('leaves what was cancelled meanwhile as free stock', () => {
    const asked = { ...ANY_VERSION, lines: [{ sku: 'A', qty: 1 }] }
    const rest = made(cancel(waiting, [], asked, NOW)).after
    expect(movesOf(deliver(rest, [{ sku: 'A', qty: 2 }], NOW))).toEqual([
      'SUPPLIER_RECEIPT A MAIN 2/0',
      'RESERVATION A MAIN -1/1',
    ])
  })

  test('brings free stock, and changes nothing of the order, after it was cancelled', () => {
    const cancelled = made(cancel(waiting, [], { ...ANY_VERSION, lines: null }, NOW)).after
    const change = deliver(cancelled, [{ sku: 'A', qty: 2 }], NOW)
    expect(change).toMatchObject({ after: cancelled, event: null })
    expect(change.moves).toEqual([
      {
        ...at('MAIN', 'A', 2),
        qty: undefined,
        type: 'SUPPLIER_RECEIPT',
        delta: 2,
        reservedDelta: 0,
        orderId: cancelled.id,
        orderVersion: null,
        shipmentId: null,
      },
    ])
  })

  test('reserves nothing of a line for which less comes than waits', () => {
    expect(deliver(waiting, [{ sku: 'A', qty: 1 }], NOW)).toMatchObject({ after: waiting, event: null })
  })
})

describe('fail and reopen', () => {
  const held = [at('EAST', 'A', 1), at('MAIN', 'A', 1)]
  const waiting = holding(anOrder({ A: 2, B: 3 }), held)

  test('a failed order releases what its lines held, and says what it gave up and what it missed', () => {
    const change = fail(waiting, held, 'SUPPLIER_REFUSED', NOW, [{ sku: 'B', missing: 1 }])
    expect(change.after).toMatchObject({
      status: 'FAILED',
      ending: 'FAILED',
      failureReason: 'SUPPLIER_REFUSED',
    })
    expect(change.event).toEqual({
      type: 'OrderFailed',
      lines: [
        { sku: 'A', qty: 2 },
        { sku: 'B', qty: 3, missing: 1 },
      ],
    })
    expect(movesOf(change)).toEqual(['RELEASE A EAST 1/-1', 'RELEASE A MAIN 1/-1'])
  })

  test('one of which nothing is known to be short misses nothing', () => {
    expect(fail(anOrder({ A: 2 }), [], 'INTERNAL_ERROR', NOW, []).event!.lines).toEqual([
      { sku: 'A', qty: 2 },
    ])
  })

  test('one that is opened again gets back what it gave up, to be looked at anew', () => {
    const failed = fail(waiting, held, 'SUPPLIER_REFUSED', NOW, [{ sku: 'B', missing: 1 }])
    const change = reopen(failed.after, failed.event!.lines!, NOW)
    expect(change.after).toMatchObject({
      status: 'PENDING',
      ending: null,
      failureReason: null,
      lookedAt: false,
    })
    expect(partsOf(change.after)).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ])
    expect(change).toMatchObject({ event: { type: 'OrderReopened', lines: null }, moves: [] })
  })

  test('what was cancelled before it failed stays cancelled', () => {
    const asked = { ...ANY_VERSION, lines: [{ sku: 'B', qty: 1 }] }
    const failed = fail(made(cancel(waiting, held, asked, NOW)).after, held, 'SUPPLIER_FAILED', NOW, [])
    const change = reopen(failed.after, failed.event!.lines!, NOW)
    expect(partsOf(change.after)).toEqual([
      [0, 0, 0],
      [0, 0, 1],
    ])
    expect(change.event!.lines).toEqual([
      { sku: 'A', qty: 2 },
      { sku: 'B', qty: 2 },
    ])
  })

  test('an order that was shipped from never fails', () => {
    const lines = [{ sku: 'A', qty: 2, reserved: 0, shipped: 1, cancelled: 0, returned: 0 }]
    const order = anOrder({}, { lines, lookedAt: true, status: 'PARTIALLY_SHIPPED' })
    expect(() => fail(order, [], 'INTERNAL_ERROR', NOW, [])).toThrow(
      'OrderFailed does not lead from PARTIALLY_SHIPPED',
    )
  })
})

describe('cancel', () => {
  const held = [at('EAST', 'A', 2), at('MAIN', 'A', 1), at('MAIN', 'B', 1)]
  const reserved = holding(anOrder({ A: 3, B: 1 }), held)
  const whole = { ...ANY_VERSION, lines: null }

  test('releases all that is reserved', () => {
    const change = made(cancel(reserved, held, whole, NOW))
    expect(change.after).toMatchObject({ status: 'CANCELLED', ending: 'CANCELLED' })
    expect(change.event).toEqual({ type: 'OrderCancelled', lines: null })
    expect(movesOf(change)).toEqual(['RELEASE A MAIN 1/-1', 'RELEASE A EAST 2/-2', 'RELEASE B MAIN 1/-1'])
  })

  test('releases once, however often it comes', () => {
    const { after } = made(cancel(reserved, held, whole, NOW))
    expect(cancel(after, [], whole, NOW)).toEqual({ before: after, after, event: null, moves: [] })
    const failed = fail(holding(anOrder({ A: 1 }), []), [], 'SUPPLIER_FAILED', NOW, []).after
    expect(cancel(failed, [], whole, NOW)).toMatchObject({ after: failed, event: null })
  })

  test('releases a part where the least is held, so that the order stays in few places', () => {
    const asked = { ...ANY_VERSION, lines: [{ sku: 'A', qty: 2 }] }
    const change = made(cancel(reserved, held, asked, NOW))
    expect(movesOf(change)).toEqual(['RELEASE A MAIN 1/-1', 'RELEASE A EAST 1/-1'])
    expect(change).toMatchObject({
      after: { status: 'RESERVED', ending: null },
      event: { lines: [{ sku: 'A', qty: 2 }] },
    })
  })

  test('takes of a line what waits first', () => {
    const lines = [{ sku: 'A', qty: 5, reserved: 3, shipped: 0, cancelled: 0, returned: 0 }]
    const order = anOrder({}, { lines, lookedAt: true, status: 'AWAITING_RESTOCK' })
    const change = made(
      cancel(order, [at('MAIN', 'A', 3)], { ...ANY_VERSION, lines: [{ sku: 'A', qty: 3 }] }, NOW),
    )
    expect(change.after).toMatchObject({ status: 'RESERVED', lines: [{ reserved: 2, cancelled: 3 }] })
    expect(movesOf(change)).toEqual(['RELEASE A MAIN 1/-1'])
  })

  test('never fills what waits of the order with what it frees', () => {
    const waiting = holding(anOrder({ A: 3, B: 1 }), [at('MAIN', 'A', 3)])
    const asked = { ...ANY_VERSION, lines: [{ sku: 'A', qty: 3 }] }
    const change = made(cancel(waiting, [at('MAIN', 'A', 3)], asked, NOW))
    expect(change.after.status).toBe('AWAITING_RESTOCK')
    expect(movesOf(change)).toEqual(['RELEASE A MAIN 3/-3'])
  })

  test('of the short part leaves a waiting order RESERVED', () => {
    const waiting = holding(anOrder({ A: 3, B: 1 }), [at('MAIN', 'A', 3)])
    const change = made(
      cancel(waiting, [at('MAIN', 'A', 3)], { ...ANY_VERSION, lines: [{ sku: 'B', qty: 1 }] }, NOW),
    )
    expect(change).toMatchObject({ after: { status: 'RESERVED' }, moves: [] })
  })

  test.each([
    ['no lines', [], 'INVALID_LINES', ['input', 'lines'], undefined],
    [
      '101 lines',
      Array.from({ length: 101 }, (_, index) => ({ sku: `S${index}`, qty: 1 })),
      'INVALID_LINES',
      ['input', 'lines'],
      undefined,
    ],
    ['a quantity of 0', [{ sku: 'A', qty: 0 }], 'INVALID_QTY', ['input', 'lines', '0', 'qty'], undefined],
    [
      'a quantity of 1,000,001',
      [{ sku: 'A', qty: 1_000_001 }],
      'INVALID_QTY',
      ['input', 'lines', '0', 'qty'],
      undefined,
    ],
    [
      'the same SKU twice',
      [
        { sku: 'A', qty: 1 },
        { sku: 'A', qty: 1 },
      ],
      'DUPLICATE_SKU',
      ['input', 'lines', '1', 'sku'],
      undefined,
    ],
    [
      'a SKU that is not in the order',
      [
        { sku: 'A', qty: 1 },
        { sku: 'X', qty: 1 },
      ],
      'UNKNOWN_SKU',
      ['input', 'lines', '1', 'sku'],
      undefined,
    ],
    ['more than is open', [{ sku: 'A', qty: 4 }], 'QTY_EXCEEDED', ['input', 'lines', '0', 'qty'], 3n],
  ] as const)('of %s is refused, by its place', (_name, lines, code, field, limit) => {
    const outcome = cancel(reserved, held, { ...ANY_VERSION, lines }, NOW)
    expect(outcome).toMatchObject({ refusal: { code, field } })
    expect((outcome as Refusal).refusal.limit).toBe(limit)
  })

  test('of a version that the caller does not expect is refused', () => {
    expect(cancel(reserved, held, { expectedVersion: 1, lines: null }, NOW)).toMatchObject({
      refusal: { code: 'STALE_EXPECTATION', message: 'The order is at version 2, not 1' },
    })
    expect(cancel(reserved, held, { expectedVersion: 2, lines: null }, NOW)).not.toHaveProperty('refusal')
  })

  test('of more than is held anywhere is a bug', () => {
    expect(() => cancel(reserved, [at('MAIN', 'A', 3)], whole, NOW)).toThrow(
      '1 pieces that an order has reserved',
    )
  })
})
