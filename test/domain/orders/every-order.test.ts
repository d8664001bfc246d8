import { expect, test } from 'vitest'
import { ORDER_EVENTS, ORDER_STATUSES } from '../../../src/domain/orders/order-status.ts'
import { isWaiting, liveAll } from './live-every-order.ts'

const { moves, refusals, lives } = liveAll()

test('every order of two lines comes to exactly what the table of events says', () => {
  type Row = { from: string | null; to: readonly string[]; reasons?: readonly string[] }
  const table = Object.entries<readonly Row[]>(ORDER_EVENTS).flatMap(([type, rows]) =>
    rows.flatMap(({ from, to, reasons = [null] }) =>
      to.flatMap((status) => reasons.map((reason) => `${type}: ${from} → ${status} (${reason})`)),
    ),
  )
  expect([...moves].sort()).toEqual(table.sort())
  expect(lives.size).toBeGreaterThan(1_000)
})

/** Only a hold expires. */
function whoseStatus(status: string): string {
  return status === 'EXPIRED' ? 'hold EXPIRED' : status
}

test.each([
  ['ship', 'OrderShipped'],
  ['takeBack', 'OrderReturned'],
] as const)(
  '%s is refused as WRONG_STATE in the states that %s does not lead from, and in no other',
  (verb, event) => {
    const from: readonly string[] = ORDER_EVENTS[event].map(({ from }) => from)
    for (const status of ORDER_STATUSES) {
      const codes = [...(refusals.get(`${verb} ${whoseStatus(status)}`) ?? [])]
      expect(codes.includes('WRONG_STATE'), status).toBe(!from.includes(status))
      if (codes.includes('WRONG_STATE')) expect(codes).toEqual(['WRONG_STATE'])
    }
  },
)

test('a hold does not ship', () => {
  const codes = ORDER_STATUSES.map((status) => [...(refusals.get(`ship hold ${status}`) ?? ['none'])])
  expect(new Set(codes.flat())).toEqual(new Set(['WRONG_STATE', 'none']))
  expect([...refusals.get('ship hold RESERVED')!]).toEqual(['WRONG_STATE'])
  expect([...lives.values()].filter(({ order }) => order.expiresAt && order.lines.some(isShipped))).toEqual(
    [],
  )
})

test.each(['confirm', 'extend'])('%s is of open holds, and only before they expire', (verb) => {
  const codeOf = (key: string) => [...(refusals.get(key) ?? ['none'])].join()
  for (const status of ORDER_STATUSES) {
    if (status !== 'EXPIRED') expect(codeOf(`${verb} ${status}`), status).toBe('WRONG_STATE')
  }
  const open = ['PENDING', 'AWAITING_RESTOCK', 'RESERVED']
  for (const status of open) {
    expect(codeOf(`${verb} hold ${status}`)).toBe('none')
    expect(codeOf(`${verb} late hold ${status}`)).toBe('HOLD_EXPIRED')
  }
  expect(codeOf(`${verb} hold EXPIRED`)).toBe('HOLD_EXPIRED')
  for (const status of ['CANCELLED', 'FAILED']) expect(codeOf(`${verb} hold ${status}`)).toBe('WRONG_STATE')
})

test('an order that is to wait or to fail takes all or nothing, until promises of it are taken back', () => {
  const parts = [...lives.values()].filter(
    ({ order: { ifShort, lines } }) =>
      ifShort !== 'ASK_SUPPLIER' && lines.some(({ reserved }) => reserved > 0) && lines.some(isWaiting),
  )
  expect(new Set(parts.map(({ order }) => order.ifShort))).toEqual(new Set(['WAIT']))
  // an order that was looked at waited whole or not at all, but for what was taken back: then it has one version more
  expect(Math.min(...parts.map(({ order }) => order.version))).toBe(3)
  const waits = [...lives.values()].filter(({ order }) => order.status === 'AWAITING_RESTOCK')
  expect(new Set(waits.map(({ order }) => order.ifShort))).toEqual(new Set(['ASK_SUPPLIER', 'WAIT']))
})

test('nothing of a part-shipped order is shipped while another part waits, nor is its last shipment undone', () => {
  const torn = [...lives.values()].filter(
    ({ order }) => order.status === 'PARTIALLY_SHIPPED' && order.lines.some(isWaiting),
  )
  expect(torn.length).toBeGreaterThan(0)
  expect([...refusals.get('ship waiting PARTIALLY_SHIPPED')!]).toEqual(['WRONG_STATE'])
  expect([...refusals.get('unship waiting PARTIALLY_SHIPPED')!].sort()).toEqual([
    'QTY_EXCEEDED',
    'WRONG_STATE',
  ])
})

function isShipped({ shipped }: { shipped: number }): boolean {
  return shipped > 0
}

test('a shipped order cannot be cancelled, and of no order more than is open', () => {
  const codesOf = (status: string) => [...(refusals.get(`cancel ${whoseStatus(status)}`) ?? [])].sort()
  for (const status of ORDER_STATUSES) {
    expect(codesOf(status)).toEqual(status === 'SHIPPED' ? ['QTY_EXCEEDED', 'WRONG_STATE'] : ['QTY_EXCEEDED'])
  }
})
