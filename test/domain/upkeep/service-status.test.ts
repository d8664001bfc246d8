import { describe, expect, test } from 'vitest'
import { ORDER_STATUSES } from '../../../src/domain/orders/order-status.ts'
import {
  COUNTED_MAX,
  interpretStatus,
  type StatusReading,
  type WorkerStatus,
  worstCircuit,
} from '../../../src/domain/upkeep/service-status.ts'

const EMPTY: StatusReading = {
  ready: [],
  scheduled: [],
  workers: [],
  deadLetters: { count: 0, estimate: -1 },
  orders: [],
  orderCount: { count: 0, reserved: 0, estimate: -1 },
  orderShares: {},
}
const MANY = COUNTED_MAX + 1
const listed = (PENDING: number, AWAITING_RESTOCK: number, FAILED: number) =>
  Object.entries({ PENDING, AWAITING_RESTOCK, FAILED }).map(([status, count]) => {
    return { status, count, oldestAgeS: 1 } as StatusReading['orders'][number]
  })
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

  test('that no index lists are the rest, exactly where all are counted', () => {
    expect(
      countsOf({ orders: listed(1, 2, 3), orderCount: { count: 10, reserved: 4, estimate: -1 } }),
    ).toEqual({
      PENDING: '1',
      RESERVED: '4',
      AWAITING_RESTOCK: '2',
      FAILED: '3',
    })
    expect(
      countsOf({
        orders: listed(0, 0, 0),
        orderCount: { count: COUNTED_MAX, reserved: COUNTED_MAX, estimate: 5 },
      }),
    ).toMatchObject({
      RESERVED: `${COUNTED_MAX}`,
    })
  })

  test('of more than is counted are shares of the estimate, and those that are few stay exact', () => {
    expect(
      countsOf({
        orders: listed(7, MANY, MANY),
        orderCount: { count: MANY, reserved: 1, estimate: 1_000_000 },
        orderShares: { AWAITING_RESTOCK: 0.1, FAILED: 0.2, RESERVED: 0.7 },
      }),
    ).toEqual({ PENDING: '7', RESERVED: '~699993', AWAITING_RESTOCK: '~100000', FAILED: '~200000' })
  })

  test('are never fewer than were counted, however old the statistics', () => {
    const orderCount = { count: MANY, reserved: 9_000, estimate: -1 }
    const counts = countsOf({ orders: listed(0, 3, MANY), orderCount })
    expect(counts).toEqual({ PENDING: '0', RESERVED: '~9000', AWAITING_RESTOCK: '3', FAILED: `~${MANY}` })
  })

  test('were never created in the future, whose clock ever is ahead', () => {
    const orders = [{ status: 'PENDING' as const, count: 1, oldestAgeS: -2 }]
    const { orders: counted } = interpretStatus({ ...EMPTY, orders }, 8_000)
    expect(counted.find(({ status }) => status === 'PENDING')?.oldestOpenAgeS).toBe(0)
  })
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
  expect(queue.map(({ ready }) => [ready.count, ready.isEstimate])).toEqual([
    [COUNTED_MAX, true],
    [1, true],
    [0, true],
  ])
  expect(queue.map(({ scheduled }) => scheduled.isEstimate)).toEqual([false, false, false])
})

test('the circuit is the worst that a living worker tells of', () => {
  const worker = (circuit: WorkerStatus['circuit'], isAlive = true): WorkerStatus => {
    return { id: 'x', startedAt: new Date(), lastBeatAt: new Date(), isAlive, circuit }
  }
  expect(worstCircuit([])).toBeNull()
  expect(worstCircuit([worker(null), worker('open', false)])).toBeNull()
  expect(worstCircuit([worker(null), worker('closed')])).toBe('closed')
  expect(worstCircuit([worker('half-open'), worker('closed')])).toBe('half-open')
  expect(worstCircuit([worker('open'), worker('half-open')])).toBe('open')
})
