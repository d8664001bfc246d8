import { describe, expect, test } from 'vitest'
import type { Order } from '../../../src/domain/orders/order.ts'
import { waitingOf } from '../../../src/domain/orders/order-line.ts'
import {
  ALLOCATION_STRATEGIES,
  type Allocated,
  type AllocationStrategy,
  allocate,
} from '../../../src/domain/stock/allocation.ts'
import type { Location } from '../../../src/domain/stock/location.ts'
import { promisableAt, type StockLevel } from '../../../src/domain/stock/stock.ts'
import { aLevel, aLocation, anOrder } from '../../support/orders.ts'
import fc from '../../support/properties.ts'

const SKUS = ['A', 'B', 'C']
const CODES = ['EAST', 'MAIN', 'NORTH', 'WEST']

const locations = fc.tuple(
  ...CODES.map((code) =>
    fc.record({
      code: fc.constant(code),
      name: fc.constant(code),
      // few, so that some are alike
      priority: fc.constantFrom(1, 2),
      isActive: fc.constantFrom(true, true, true, false),
    }),
  ),
)
const available = fc.oneof(fc.bigInt({ min: 0n, max: 12n }), fc.bigInt({ min: 0n, max: 2n ** 53n - 1n }))
const levels = fc
  .tuple(
    ...SKUS.flatMap((sku) =>
      CODES.map((location) =>
        fc.record({
          sku: fc.constant(sku),
          location: fc.constant(location),
          available,
          reserved: fc.constant(0n),
          safetyStock: fc.constantFrom(0n, 0n, 3n),
        }),
      ),
    ),
  )
  .chain((all) => fc.subarray(all))
const qty = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 1_000_000 }))
const order = fc
  .record({
    lines: fc.uniqueArray(
      fc.record({ sku: fc.constantFrom(...SKUS), qty, cancelled: fc.constantFrom(0, 0, 1) }),
      {
        minLength: 1,
        selector: ({ sku }) => sku,
      },
    ),
    locations: fc.oneof(fc.constant(null), fc.subarray(CODES, { minLength: 1 })),
  })
  .map(({ lines, locations }): Order => {
    const whole = lines.map((line) => ({ ...line, reserved: 0, shipped: 0, returned: 0 }))
    return anOrder({}, { lines: whole, locations })
  })
const cases = fc.record({
  orders: fc.array(order, { maxLength: 8 }),
  levels,
  locations,
  strategy: fc.constantFrom(...ALLOCATION_STRATEGIES),
})
type Case = { orders: Order[]; levels: StockLevel[]; locations: Location[]; strategy: AllocationStrategy }

/** An order at its turn: what it got, and what could be promised of each of its SKUs, by location, before and after. */
type Turn = { allocated: Allocated<Order>; before: Map<string, Left>; after: Map<string, Left> }
/** What is left of a SKU where an order may take it, by location. */
type Left = Map<string, bigint>

/** Plays an allocation, turn by turn. */
function turnsOf({ orders, levels, locations, strategy }: Case): Turn[] {
  const left = new Map(levels.map((level) => [`${level.sku} ${level.location}`, promisableAt(level)]))
  const isActive = new Map(locations.map(({ code, isActive }) => [code, isActive]))
  const forOrder = ({ lines, locations: named }: Order) =>
    new Map(
      lines.map(({ sku }) => {
        const open = CODES.filter((code) => isActive.get(code) && (named?.includes(code) ?? true))
        return [sku, new Map(open.map((code) => [code, left.get(`${sku} ${code}`) ?? 0n]))]
      }),
    )
  return allocate(orders, levels, locations, strategy).map((allocated, index) => {
    const before = forOrder(orders[index]!)
    for (const { sku, location, qty } of allocated.taken) {
      const key = `${sku} ${location}`
      left.set(key, left.get(key)! - BigInt(qty))
    }
    return { allocated, before, after: forOrder(orders[index]!) }
  })
}

function sum(quantities: readonly bigint[]): bigint {
  return quantities.reduce((total, quantity) => total + quantity, 0n)
}

/** Runs a check on every turn of many allocations. */
function everyTurn(strategy: AllocationStrategy | null, check: (turn: Turn, given: Case) => void): void {
  fc.assert(
    fc.property(cases, (given) => {
      const made = strategy === null ? given : { ...given, strategy }
      for (const turn of turnsOf(made)) check(turn, made)
    }),
    { numRuns: 500 },
  )
}

describe('whatever the strategy', () => {
  test('a line that fits at its turn gets all that waits of it, and any other takes nothing', () => {
    everyTurn(null, ({ allocated: { order, taken, short }, before }) => {
      for (const line of order.lines) {
        const wanted = BigInt(waitingOf(line))
        const got = sum(taken.filter(({ sku }) => sku === line.sku).map(({ qty }) => BigInt(qty)))
        const there = sum([...before.get(line.sku)!.values()])
        const missing = short.find(({ sku }) => sku === line.sku)?.missing
        // stock that is there is never refused
        if (there >= wanted) expect([got, missing]).toEqual([wanted, undefined])
        else expect([got, missing]).toEqual([0n, Number(wanted - there)])
      }
    })
  })

  test('nothing is taken twice, of a safety stock, at an inactive location, or where the order does not name it', () => {
    everyTurn(null, ({ allocated: { taken }, before, after }) => {
      const keys = taken.map(({ sku, location }) => `${sku} ${location}`)
      expect(new Set(keys).size).toBe(keys.length)
      for (const { sku, location, qty } of taken) {
        expect(qty).toBeGreaterThan(0)
        // only where it may take from is there anything left before
        expect(before.get(sku)!.has(location)).toBe(true)
        expect(after.get(sku)!.get(location)).toBeGreaterThanOrEqual(0n)
      }
    })
  })

  test('the order in which levels and locations come makes no difference, and neither is changed', () => {
    fc.assert(
      fc.property(cases, ({ orders, levels, locations, strategy }) => {
        const asGiven = structuredClone({ orders, levels, locations })
        const result = allocate(orders, levels, locations, strategy)
        expect({ orders, levels, locations }).toEqual(asGiven)
        expect(allocate(orders, levels.toReversed(), locations.toReversed(), strategy)).toEqual(result)
      }),
    )
  })
})

test('fewest-locations takes all lines from one location wherever one has them all, by priority', () => {
  everyTurn('fewest-locations', ({ allocated: { order, taken }, before }, { locations }) => {
    const covered = order.lines.filter(({ sku }) => taken.some((part) => part.sku === sku))
    const capable = byPriority(locations).filter((code) =>
      covered.every((line) => (before.get(line.sku)!.get(code) ?? -1n) >= BigInt(waitingOf(line))),
    )
    if (covered.length > 0 && capable.length > 0)
      expect(new Set(taken.map(({ location }) => location))).toEqual(new Set([capable[0]]))
  })
})

test('priority takes nothing from a location before the one before it is empty', () => {
  everyTurn('priority', ({ allocated: { taken }, after }, { locations }) => {
    const ranked = byPriority(locations)
    for (const { sku, location } of taken) {
      const sooner = ranked.slice(0, ranked.indexOf(location))
      expect(sooner.map((code) => after.get(sku)!.get(code) ?? 0n)).toEqual(sooner.map(() => 0n))
    }
  })
})

test('most-stock takes nothing from a location that has less than one that it leaves alone', () => {
  everyTurn('most-stock', ({ allocated: { taken }, before }) => {
    for (const { sku, location } of taken) {
      const used = taken.filter((part) => part.sku === sku).map((part) => part.location)
      const unused = [...before.get(sku)!].filter(([code]) => !used.includes(code))
      for (const [code, left] of unused)
        expect(left, code).toBeLessThanOrEqual(before.get(sku)!.get(location)!)
    }
  })
})

/** Codes of locations, by priority. */
function byPriority(locations: readonly Location[]): string[] {
  return locations
    .toSorted((one, other) => one.priority - other.priority || (one.code < other.code ? -1 : 1))
    .map(({ code }) => code)
}

describe('an order', () => {
  const [east, main] = [aLocation('EAST'), aLocation('MAIN', { priority: 10 })]
  const take = (order: Order, levels: StockLevel[], strategy: AllocationStrategy = 'fewest-locations') =>
    allocate([order], levels, [east, main], strategy)[0]!

  test('that is small gets, behind a large one, what the large one could not take', () => {
    const [large, small] = [anOrder({ A: 5 }), anOrder({ A: 3 })]
    expect(allocate([large, small], [aLevel('A', 'MAIN', 3)], [main], 'priority')).toEqual([
      { order: large, taken: [], short: [{ sku: 'A', qty: 5, missing: 2 }] },
      { order: small, taken: [{ sku: 'A', location: 'MAIN', qty: 3 }], short: [] },
    ])
  })

  test('takes from its one place what it waits for alone', () => {
    const lines = [{ sku: 'A', qty: 5, reserved: 1, shipped: 0, cancelled: 2, returned: 0 }]
    expect(take(anOrder({}, { lines }), [aLevel('A', 'MAIN', 9)]).taken).toEqual([
      { sku: 'A', location: 'MAIN', qty: 2 },
    ])
  })

  test('takes nothing of a SKU that is nowhere', () => {
    expect(take(anOrder({ A: 1 }), [])).toMatchObject({ taken: [], short: [{ sku: 'A', missing: 1 }] })
  })

  test('takes by fewest-locations the most lines from one place, and the others from the next', () => {
    const levels = [
      aLevel('A', 'EAST', 9),
      aLevel('B', 'EAST', 9),
      aLevel('A', 'MAIN', 9),
      aLevel('C', 'MAIN', 9),
    ]
    expect(take(anOrder({ A: 1, B: 1, C: 1 }), levels).taken).toEqual([
      { sku: 'A', location: 'MAIN', qty: 1 },
      { sku: 'C', location: 'MAIN', qty: 1 },
      { sku: 'B', location: 'EAST', qty: 1 },
    ])
  })

  test('takes by fewest-locations a line that no place has all of from where most of it is', () => {
    expect(take(anOrder({ A: 6 }), [aLevel('A', 'EAST', 4), aLevel('A', 'MAIN', 3)]).taken).toEqual([
      { sku: 'A', location: 'EAST', qty: 4 },
      { sku: 'A', location: 'MAIN', qty: 2 },
    ])
  })

  test('takes the same line by priority from MAIN first', () => {
    const levels = [aLevel('A', 'EAST', 4), aLevel('A', 'MAIN', 3)]
    expect(take(anOrder({ A: 4 }), levels, 'priority').taken).toEqual([
      { sku: 'A', location: 'MAIN', qty: 3 },
      { sku: 'A', location: 'EAST', qty: 1 },
    ])
    expect(take(anOrder({ A: 4 }), levels, 'most-stock').taken).toEqual([
      { sku: 'A', location: 'EAST', qty: 4 },
    ])
  })
})
