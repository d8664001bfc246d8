import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import type { Order } from '../../../../src/domain/orders/order.ts'
import { findOrders } from '../../../../src/sql/orders/find-orders.ts'
import { findBreaches } from '../../../../src/sql/upkeep/find-breaches.ts'
import { cancelOrder } from '../../../../src/use-cases/orders/verbs/cancel-order.ts'
import type { ChangeOrderResult } from '../../../../src/use-cases/orders/verbs/order-call.ts'
import { shipOrder } from '../../../../src/use-cases/orders/verbs/ship-order.ts'
import { sharedTest as test } from '../../../support/fixtures.ts'
import { joinTestApp, seed } from '../../../support/harness.ts'
import { readItem } from '../../../support/read-stock.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'

const ORDERS = 1_000
const QTYS = { A: 3, B: 2 }
const PART = [{ sku: 'A', qty: 2 }]

type Request = { id: string; lines?: typeof PART }
type Verb = (request: Request) => Promise<ChangeOrderResult>

test('of a thousand orders that are cancelled and shipped at once, each piece goes one way', async ({
  app,
  testApp,
}) => {
  const other = await joinTestApp(testApp)
  await seed(app).location('EAST')
  for (const [sku, qty] of Object.entries(QTYS)) {
    await seed(app).item({ sku, available: (qty * ORDERS) / 2 })
    await seed(app).stock({ sku, location: 'EAST', qty: (qty * ORDERS) / 2 })
  }
  const orders = await Promise.all(
    Array.from({ length: ORDERS }, () => seed(app).order({ lines: Object.entries(QTYS) })),
  )
  await reserveOrders(
    app,
    orders.map(({ id }) => id),
  )

  const outcomes = await Promise.all(
    orders.map(async ({ id }, index) => {
      const [one, two] = index % 2 === 0 ? [app, other.app] : [other.app, app]
      const cancel: Verb = (request) => cancelOrder(one, LOCAL_OPERATOR, request)
      const ship: Verb = (request) => shipOrder(two, LOCAL_OPERATOR, request)
      // all against all, a part against all, and all against a part
      const parts = [{}, { cancel: PART }, { ship: PART }][index % 3] as {
        cancel?: typeof PART
        ship?: typeof PART
      }
      const calls = [
        () => cancel({ id, ...(parts.cancel && { lines: parts.cancel }) }),
        () => ship({ id, ...(parts.ship && { lines: parts.ship }) }),
      ]
      const started = (index % 4 < 2 ? calls : calls.toReversed()).map((call) => call())
      return (await Promise.all(started)).map(({ order, userErrors }) => order ?? userErrors[0]!.code)
    }),
  )

  const after = new Map(
    (
      await findOrders(
        app.pool,
        orders.map(({ id }) => id),
      )
    ).map((order) => [order.id, order]),
  )
  let shipped = 0
  let bothTookEffect = 0
  for (const [index, { id }] of orders.entries()) {
    const order = after.get(id)!
    const answers = outcomes[index]!
    const done = answers.filter((answer): answer is Order => typeof answer !== 'string')
    // one takes effect at least, and whoever was refused came too late
    expect(done.length).toBeGreaterThan(0)
    expect(order.version).toBe(2 + done.length)
    for (const answer of answers)
      if (typeof answer === 'string') expect(['WRONG_STATE', 'QTY_EXCEEDED']).toContain(answer)
    if (index % 3 === 0) expect(['SHIPPED', 'CANCELLED']).toContain(order.status)
    if (done.length === 2) bothTookEffect++
    for (const line of order.lines) {
      expect(line.reserved + line.shipped + line.cancelled).toBe(line.qty)
      if (line.sku === 'A') shipped += line.shipped
    }
  }
  // what is left is what was ordered and not shipped: released once, or still promised
  const { available, reserved } = await readItem(app, 'A')
  expect(Number(available + reserved)).toBe(QTYS.A * ORDERS - shipped)
  // both orders of events were seen
  expect(shipped).toBeGreaterThan(0)
  expect(Number(available)).toBeGreaterThan(0)
  expect(bothTookEffect).toBeGreaterThan(0)
  expect(await findBreaches(app.pool)).toEqual([])
  await other.close()
})
