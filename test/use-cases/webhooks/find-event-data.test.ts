import type pg from 'pg'
import { expect } from 'vitest'
import { LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { orderEventId } from '../../../src/domain/webhooks/event-id.ts'
import { shipOrder } from '../../../src/use-cases/orders/verbs/ship-order.ts'
import { findEventData } from '../../../src/use-cases/webhooks/find-event-data.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { reserveOrders } from '../../support/reserve-orders.ts'

test('an order that is shipped while it is read has its shipment', async ({ app }) => {
  await seed(app).item({ available: 5 })
  const { id } = await seed(app).order()
  await reserveOrders(app, [id])
  const { pool } = app
  // what reads the order comes late
  const slow = Object.assign(Object.create(pool), {
    query: async (statement: pg.QueryConfig) => {
      if (statement.name === 'find-orders') await shipOrder(app, LOCAL_OPERATOR, { id })
      return pool.query(statement)
    },
  })
  const eventId = orderEventId(id, 1, new Date())
  const told = (await findEventData({ ...app, pool: slow }, [eventId])).get(eventId)
  expect(told).toMatchObject({ order: { status: 'SHIPPED' }, shipments: [{ orderId: id }] })
})
