import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { readEverything } from '../support/rest-orders.ts'
import { line, type OrderServer, serveOrders } from './serve-orders.ts'

let server: OrderServer
beforeAll(async () => {
  server = await serveOrders()
})
afterAll(() => server.close())

describe('an order', () => {
  it('is shipped in parts and from two locations, a shipment is undone, and goods come back', async () => {
    const { id } = await server.place()
    const part = await server.call('shipOrder', { id, lines: [line('A', 1)], reference: 'parcel 7' })
    expect(part).toEqual({
      userErrors: [],
      shipments: [
        {
          id: expect.stringMatching(/^[\da-f-]{36}$/),
          reference: 'parcel 7',
          location: { code: 'MAIN' },
          lines: [line('A', 1)],
        },
      ],
      order: {
        status: 'PARTIALLY_SHIPPED',
        version: 3,
        lines: [
          {
            ...line('A', 4),
            ...{ reserved: 3, waiting: 0, shipped: 1, cancelled: 0, returned: 0 },
            allocations: [{ qty: 3, location: { code: 'MAIN' } }],
          },
          {
            ...line('B', 2),
            ...{ reserved: 2, waiting: 0, shipped: 0, cancelled: 0, returned: 0 },
            allocations: [{ qty: 2, location: { code: 'WEST' } }],
          },
        ],
      },
    })
    const rest = await server.call('shipOrder', { id })
    expect(rest.order.status).toBe('SHIPPED')
    // biome-ignore lint/suspicious/noExplicitAny: an answer
    expect(rest.shipments.map(({ location, lines }: any) => [location.code, lines])).toEqual([
      ['MAIN', [line('A', 3)]],
      ['WEST', [line('B', 2)]],
    ])

    const undone = await server.call('undoShipment', { id: part.shipments[0].id, note: 'wrong label' })
    expect(undone.order).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{ reserved: 1, shipped: 3 }, {}],
    })
    const back = await server.call('returnOrder', {
      id,
      lines: [line('A', 1), line('A', 2, { disposition: 'DISCARD' })],
      location: 'WEST',
    })
    expect(back.order).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{ returned: 3 }, { returned: 0 }],
    })
    const cancelled = await server.call('cancelOrder', { id, note: 'not needed' }, 'customer')
    expect(cancelled.order).toMatchObject({ status: 'SHIPPED', lines: [{ shipped: 3, cancelled: 1 }, {}] })

    const { data } = await execute(
      server.as('operator'),
      `query ($id: ID!) { order(id: $id) {
        shipments { id undoneAt order { id } lines { qty } }
        events { type from to actor note lines { sku qty missing location { code } } }
        movements { type location { code } delta reservedDelta reservedAfter onHandAfter availableAfter shipment { reference } }
      } }`,
      { id },
    )
    expect(data.order.shipments).toEqual([
      {
        id: part.shipments[0].id,
        undoneAt: expect.stringMatching(/Z$/),
        order: { id },
        lines: [{ qty: 1 }],
      },
      { id: rest.shipments[0].id, undoneAt: null, order: { id }, lines: [{ qty: 3 }] },
      { id: rest.shipments[1].id, undoneAt: null, order: { id }, lines: [{ qty: 2 }] },
    ])
    const event = (
      type: string,
      lines: object[],
      actor: string | null = 'olga',
      note: string | null = null,
    ) => ({
      ...{ type, actor, note },
      lines: lines.map((line) => ({ missing: null, location: null, ...line })),
    })
    const [MAIN, WEST] = [{ location: { code: 'MAIN' } }, { location: { code: 'WEST' } }]
    expect(data.order.events.slice(2)).toMatchObject([
      event('OrderShipped', [line('A', 1, MAIN)]),
      event('OrderShipped', [line('A', 3, MAIN), line('B', 2, WEST)]),
      event('ShipmentUndone', [line('A', 1, MAIN)], 'olga', 'wrong label'),
      event('OrderReturned', [line('A', 1, WEST), line('A', 2)]),
      event('OrderCancelled', [line('A', 1)], 'alice', 'not needed'),
    ])
    // biome-ignore lint/suspicious/noExplicitAny: an answer
    for (const { availableAfter, reservedAfter, onHandAfter } of data.order.movements as any[]) {
      expect(onHandAfter).toBe(availableAfter + reservedAfter)
    }
    expect(data.order.movements).toMatchObject([
      { type: 'RESERVATION', ...MAIN, delta: -4, reservedDelta: 4, shipment: null },
      { type: 'RESERVATION', ...WEST, delta: -2, reservedDelta: 2 },
      { type: 'SHIPMENT', ...MAIN, delta: 0, reservedDelta: -1, shipment: { reference: 'parcel 7' } },
      { type: 'SHIPMENT', ...MAIN, reservedDelta: -3, shipment: { reference: null } },
      { type: 'SHIPMENT', ...WEST, reservedDelta: -2 },
      { type: 'SHIPMENT_UNDONE', ...MAIN, reservedDelta: 1, shipment: { reference: 'parcel 7' } },
      { type: 'RETURN', ...WEST, delta: 1, reservedDelta: 0 },
      { type: 'RELEASE', ...MAIN, delta: 1, reservedDelta: -1 },
    ])
  })

  it('says which lines are short and what a supplier is asked for, and holds the others', async () => {
    const { app } = server.testApp
    const { id } = await seed(app).order({
      lines: [
        ['A', 5],
        ['NONE', 3],
      ],
    })
    await reserveOrders(app, [id])
    const { data } = await execute(
      server.as('service'),
      `query ($id: ID!) { order(id: $id) {
        status
        lines { waiting allocations { qty } supplierRequests { sku qty ref state attempts rechecks askedAt endedAt } }
        events { type lines { sku qty missing } }
      } }`,
      { id },
    )
    const request = { ...line('NONE', 3), ref: null, state: 'ASKED', attempts: 0, rechecks: 0, endedAt: null }
    expect(data.order).toEqual({
      status: 'AWAITING_RESTOCK',
      lines: [
        { waiting: 0, allocations: [{ qty: 5 }], supplierRequests: [] },
        { waiting: 3, allocations: [], supplierRequests: [{ ...request, askedAt: expect.any(String) }] },
      ],
      events: [
        { type: 'OrderCreated', lines: [] },
        { type: 'OrderAwaitingRestock', lines: [{ ...line('NONE', 3), missing: 3 }] },
      ],
    })
  })

  it('takes what is cancelled twice as it is, and ships from where it is told', async () => {
    const { id } = await server.place()
    const first = await server.call('cancelOrder', { id }, 'customer')
    expect(first.order.status).toBe('CANCELLED')
    expect(await server.call('cancelOrder', { id }, 'customer')).toEqual(first)
    const other = await server.place()
    await seed(server.testApp.app).stock({ sku: 'A', location: 'WEST', qty: 10 })
    const { shipments } = await server.call('shipOrder', {
      id: other.id,
      lines: [line('A', 4, { location: 'WEST' })],
    })
    expect(shipments).toMatchObject([{ location: { code: 'WEST' }, lines: [line('A', 4)] }])
  })

  it('lists its shipments in the order of its versions, and those of one by location', async () => {
    const { id } = await server.place()
    const lines = [line('B', 1), line('A', 1, { location: 'MAIN' })]
    const asked = { id, lines, idempotencyKey: 'two places' }
    const { shipments } = await server.call('shipOrder', asked)
    await server.call('shipOrder', { id, lines: [line('A', 1)] })
    const { rows } = await server.testApp.app.pool.query<{ id: string }>(
      'select id from shipments where order_id = $1 order by order_version, location',
      [id],
    )
    const expected = rows.map((row) => row.id)
    const { data } = await execute(
      server.as('operator'),
      'query ($id: ID!) { order(id: $id) { shipments { id } } }',
      { id },
    )
    const ids = (listed: { id: string }[]) => listed.map((shipment) => shipment.id)
    expect(ids(data.order.shipments)).toEqual(expected)
    const { url, authorization } = server.as('operator')
    const rest = await fetch(`${url}/api/orders/${id}`, { headers: { authorization: authorization! } })
    expect(ids((await rest.json()).shipments)).toEqual(expected)
    expect(ids(shipments)).toEqual(expected.slice(0, 2))
    expect((await server.call('shipOrder', asked)).shipments).toEqual(shipments)
  })
})

describe('under an idempotency key', () => {
  it('a repeat answers with what the call made, as it now is, and another call is refused', async () => {
    const { id } = await server.place()
    const part = { id, lines: [line('A', 1)], idempotencyKey: 'ship a part' }
    const first = await server.call('shipOrder', part)
    await server.call('shipOrder', { id })
    const before = await readEverything(server.testApp.app)
    const repeat = await server.call('shipOrder', part)
    expect(repeat.shipments).toEqual(first.shipments)
    expect(repeat.order).toMatchObject({ status: 'SHIPPED', version: 4 })
    for (const [verb, input] of [
      ['shipOrder', { ...part, reference: 'x' }],
      ['shipOrder', { ...part, lines: [line('A', 2)] }],
      ['shipOrder', { ...part, expectedVersion: 3 }],
      ['returnOrder', { ...part }],
      ['cancelOrder', { ...part }],
      ['undoShipment', { id: first.shipments[0].id, idempotencyKey: part.idempotencyKey }],
    ] as const) {
      const { order, userErrors } = await server.call(verb, input)
      expect(order).toBeNull()
      expect(userErrors).toMatchObject([
        { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] },
      ])
    }
    expect(await readEverything(server.testApp.app)).toEqual(before)
  })

  it("is its caller's own, and one for all verbs", async () => {
    const { id } = await server.place()
    const cancel = { id, lines: [line('A', 1)], idempotencyKey: 'everyone has it' }
    for (const who of ['customer', 'service', 'operator']) {
      expect((await server.call('cancelOrder', cancel, who)).userErrors).toEqual([])
      expect((await server.call('cancelOrder', cancel, who)).userErrors).toEqual([])
    }
    const { data } = await execute(
      server.as('customer'),
      `mutation { createOrder(input: { sku: "A", qty: 1, idempotencyKey: "everyone has it" }) { order { id } userErrors { code } } }`,
    )
    expect(data.createOrder).toEqual({ order: null, userErrors: [{ code: 'IDEMPOTENCY_KEY_REUSED' }] })
    const { rows } = await server.testApp.app.pool.query(
      'select cancelled from order_lines where order_id = $1 and sku = $2',
      [id, 'A'],
    )
    expect(rows).toEqual([{ cancelled: 3 }])
  })
})
