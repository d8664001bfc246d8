import { describe, expect, test } from 'vitest'
import { ORDER_STATUSES, type OrderStatus } from '../../../src/domain/orders/order-status.ts'
import {
  COUNTED_MAX,
  interpretStatus,
  NEWEST_MAX,
  type StatusReading,
  type WorkerStatus,
  worstCircuit,
} from '../../../src/domain/upkeep/service-status.ts'

const listed = (counts: Partial<Record<OrderStatus, number>>, oldestAgeS = 1) =>
  ORDER_STATUSES.map((status) => ({ status, count: counts[status] ?? 0, oldestAgeS }))
const EMPTY: StatusReading = {
  ready: [],
  scheduled: [],
  workers: [],
  deadLetters: { count: 0, estimate: -1 },
  orders: listed({}),
  newest: { count: 0, inWindow: 0, oldestAgeS: null },
  newestByStatus: {},
  lowItems: { count: 0, estimate: -1 },
  holds: { count: 0, estimate: -1, overdueS: null },
  oldestRequestAgeS: null,
  oldestMarkAgeS: null,
  ordersEstimate: -1,
  orderShares: {},
}
const MANY = COUNTED_MAX + 1
const countsOf = (reading: Partial<StatusReading>) =>
  Object.fromEntries(
    interpretStatus({ ...EMPTY, ...reading }, 8_000).orders.map(
      ({ status, count: { count, isEstimate } }) => [status, `${isEstimate ? '~' : ''}${count}`],
    ),
  )

describe('orders', () => {
  test('are each in one of the states, whatever is counted of them', () => {
    expect(Object.keys(countsOf({}))).toEqual([...ORDER_STATUSES])
  })

  test('of more than is counted are shares of the estimate, and those that are few stay exact', () => {
    expect(
      countsOf({
        orders: listed({ PENDING: 7, RESERVED: COUNTED_MAX, AWAITING_RESTOCK: MANY, FAILED: MANY }),
        ordersEstimate: 1_000_000,
        orderShares: { AWAITING_RESTOCK: 0.1, FAILED: 0.2, RESERVED: 0.7 },
      }),
    ).toMatchObject({
      PENDING: '7',
      RESERVED: `${COUNTED_MAX}`,
      AWAITING_RESTOCK: '~100000',
      FAILED: '~200000',
      SHIPPED: '0',
    })
  })

  test('are never fewer than were counted, however old the statistics', () => {
    expect(countsOf({ orders: listed({ RESERVED: MANY }) })).toMatchObject({ RESERVED: `~${MANY}` })
  })

  test('were never created in the future, whose clock ever is ahead', () => {
    const orders = listed({ PENDING: 1 }, -2)
    const { orders: counted } = interpretStatus({ ...EMPTY, orders }, 8_000)
    expect(counted.find(({ status }) => status === 'PENDING')?.oldestOpenAgeS).toBe(0)
  })
})

test('holds are estimated like orders, and none is overdue before its time', () => {
  const holdsOf = (holds: StatusReading['holds']) => interpretStatus({ ...EMPTY, holds }, 8_000).holds
  expect(holdsOf({ count: 3, estimate: -1, overdueS: -2.5 })).toEqual({
    open: { count: 3, isEstimate: false },
    overdueS: 0,
  })
  expect(holdsOf({ count: MANY, estimate: 40_000, overdueS: 2.5 })).toEqual({
    open: { count: 40_000, isEstimate: true },
    overdueS: 2.5,
  })
  expect(interpretStatus(EMPTY, 8_000).holds.overdueS).toBe(0)
})

test('a queue that is longer than what is counted is an estimate for every task', () => {
  const ready = [
    { task: 'reserve-inventory', count: COUNTED_MAX, oldestAgeS: 5 },
    { task: 'request-supplier', count: 1, oldestAgeS: 1 },
  ]
  const { queue } = interpretStatus(
    { ...EMPTY, ready, scheduled: [{ task: 'request-supplier', count: 2 }] },
    8_000,
  )
  const counts = Object.fromEntries(queue.map(({ task, ready }) => [task, ready.count]))
  expect(counts).toMatchObject({
    'reserve-inventory': COUNTED_MAX,
    'request-supplier': 1,
    'serve-waiting': 0,
  })
  expect(queue.every(({ ready }) => ready.isEstimate)).toBe(true)
  expect(queue.some(({ scheduled }) => scheduled.isEstimate)).toBe(false)
})

test('the circuit is the worst that a living worker tells of', () => {
  const worker = (circuit: WorkerStatus['circuit'], isAlive = true): WorkerStatus => {
    const at = new Date()
    return { id: 'x', startedAt: at, lastBeatAt: at, silentS: 0, isAlive, circuit, jobsHeld: [] }
  }
  expect(worstCircuit([])).toBeNull()
  expect(worstCircuit([worker(null), worker('open', false)])).toBeNull()
  expect(worstCircuit([worker(null), worker('closed')])).toBe('closed')
  expect(worstCircuit([worker('half-open'), worker('closed')])).toBe('half-open')
  expect(worstCircuit([worker('open'), worker('half-open')])).toBe('open')
})

test.each([
  ['none', { count: 0, inWindow: 0, oldestAgeS: null }, 0],
  ['few, over the last minute', { count: 90, inWindow: 30, oldestAgeS: 900 }, 0.5],
  [
    'as many as are read, but not all of late',
    { count: NEWEST_MAX, inWindow: 999, oldestAgeS: 61 },
    999 / 60,
  ],
  ['more, over the time in which they came', { count: NEWEST_MAX, inWindow: NEWEST_MAX, oldestAgeS: 2 }, 500],
  ['more, by a clock that is ahead', { count: NEWEST_MAX, inWindow: NEWEST_MAX, oldestAgeS: -3 }, 1_000_000],
])('orders a second: %s', (_what, newest, expected) => {
  expect(interpretStatus({ ...EMPTY, newest }, 8_000).ordersPerS).toBe(expected)
})
