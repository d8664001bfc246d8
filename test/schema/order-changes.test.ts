import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Order } from '../../src/domain/orders/order.ts'
import { execute } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { type RolesServer, serveRoles } from '../support/roles.ts'

const RESULT = `order {
    status version
    lines { sku qty reserved waiting shipped cancelled returned allocations { qty location { code } } }
  }
  userErrors { code field limit }`
const VERBS = {
  cancelOrder: `mutation ($input: CancelOrderInput!) { cancelOrder(input: $input) { ${RESULT} } }`,
  shipOrder: `mutation ($input: ShipOrderInput!) {
    shipOrder(input: $input) { shipments { id reference location { code } lines { sku qty } } ${RESULT} }
  }`,
  undoShipment: `mutation ($input: UndoShipmentInput!) { undoShipment(input: $input) { ${RESULT} } }`,
  returnOrder: `mutation ($input: ReturnOrderInput!) { returnOrder(input: $input) { ${RESULT} } }`,
}
type Verb = keyof typeof VERBS

let server: RolesServer
beforeAll(async () => {
  server = await serveRoles()
  const { app } = server.testApp
  await seed(app).location('WEST', { priority: 200 })
  await seed(app).location('CLOSED', { isActive: false })
  await seed(app).item({ sku: 'A', available: 100_000 })
  await seed(app).item({ sku: 'B', available: 100_000, location: 'WEST' })
  await seed(app).item({ sku: 'NONE' })
})
afterAll(() => server.close())

async function call(verb: Verb, input: object, who = 'operator') {
  const { data, errors } = await execute(server.as(who), VERBS[verb], { input })
  expect(errors).toBeUndefined()
  return data[verb]
}

const line = (sku: string, qty: number, more: object = {}) => ({ sku, qty, ...more })

/** An order of 4 of A at MAIN and 2 of B at WEST. */
async function place({ customerId = 'alice' as string | null, isReserved = true } = {}): Promise<Order> {
  const { app } = server.testApp
  const order = await seed(app).order({
    lines: [
      ['A', 4],
      ['B', 2],
    ],
    customerId,
  })
  if (isReserved) await reserveOrders(app, [order.id])
  return order
}

/** Of such an order 3 of A and all of B have left, and 1 of A has come back. */
async function placeShipped() {
  const { id } = await place()
  const { shipments } = await call('shipOrder', { id, lines: [line('A', 3), line('B', 2)] })
  await call('returnOrder', { id, lines: [line('A', 1)] })
  return { id, shipmentId: shipments[0].id as string }
}

describe('an order', () => {
  it('is shipped in parts and from two locations, a shipment is undone, and goods come back', async () => {
    const { id } = await place()
    const part = await call('shipOrder', { id, lines: [line('A', 1)], reference: 'parcel 7' })
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
    const rest = await call('shipOrder', { id })
    expect(rest.order.status).toBe('SHIPPED')
    // biome-ignore lint/suspicious/noExplicitAny: an answer
    expect(rest.shipments.map(({ location, lines }: any) => [location.code, lines])).toEqual([
      ['MAIN', [line('A', 3)]],
      ['WEST', [line('B', 2)]],
    ])

    const undone = await call('undoShipment', { id: part.shipments[0].id, note: 'wrong label' })
    expect(undone.order).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{ reserved: 1, shipped: 3 }, {}],
    })
    const back = await call('returnOrder', {
      id,
      lines: [line('A', 1), line('A', 2, { disposition: 'DISCARD' })],
      location: 'WEST',
    })
    expect(back.order).toMatchObject({
      status: 'PARTIALLY_SHIPPED',
      lines: [{ returned: 3 }, { returned: 0 }],
    })
    const cancelled = await call('cancelOrder', { id, note: 'not needed' }, 'customer')
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
    const { id } = await place()
    const first = await call('cancelOrder', { id }, 'customer')
    expect(first.order.status).toBe('CANCELLED')
    expect(await call('cancelOrder', { id }, 'customer')).toEqual(first)
    const other = await place()
    await seed(server.testApp.app).stock({ sku: 'A', location: 'WEST', qty: 10 })
    const { shipments } = await call('shipOrder', {
      id: other.id,
      lines: [line('A', 4, { location: 'WEST' })],
    })
    expect(shipments).toMatchObject([{ location: { code: 'WEST' }, lines: [line('A', 4)] }])
  })

  it('lists its shipments in the order of its versions, and those of one by location', async () => {
    const { id } = await place()
    const lines = [line('B', 1), line('A', 1, { location: 'MAIN' })]
    const asked = { id, lines, idempotencyKey: 'two places' }
    const { shipments } = await call('shipOrder', asked)
    await call('shipOrder', { id, lines: [line('A', 1)] })
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
    expect((await call('shipOrder', asked)).shipments).toEqual(shipments)
  })
})

/** All that a call could write. */
async function readAll(): Promise<unknown> {
  const tables = 'orders order_lines order_events shipments inventory_movements stock_levels idempotency_keys'
  const counts = tables
    .split(' ')
    .map((table) => `(select md5(string_agg(t::text, ',' order by t::text)) from ${table} t)`)
  const { rows } = await server.testApp.app.pool.query(`select array[${counts.join(', ')}] as digests`)
  return rows
}

describe('a call that is refused has a code and the path to the culprit, changes nothing and uses up no key', () => {
  type Ids = {
    fresh: string
    reserved: string
    shipped: string
    shipment: string
    undone: string
    bobs: string
  }
  type Bad = [
    name: string,
    input: (ids: Ids) => object,
    code: string,
    path: string,
    limit?: number | null,
    who?: string,
  ]

  const ids = {} as Ids
  beforeAll(async () => {
    ids.fresh = (await place({ isReserved: false })).id
    ids.reserved = (await place()).id
    ids.bobs = (await place({ customerId: 'bob' })).id
    const { id, shipmentId } = await placeShipped()
    ids.shipped = id
    ids.shipment = shipmentId
    const other = await place()
    const { shipments } = await call('shipOrder', { id: other.id })
    ids.undone = shipments[0].id
    await call('undoShipment', { id: ids.undone })
  })

  const unknown = '01890a5d-ac96-774b-bcce-b302099a8057'
  const manyLines = Array.from({ length: 101 }, (_, index) => line(`SKU-${index}`, 1))
  /** Of any verb with lines. */
  const badLines = (order: keyof Ids): Bad[] => [
    ['no lines', (ids) => ({ id: ids[order], lines: [] }), 'INVALID_LINES', 'lines'],
    ['101 lines', (ids) => ({ id: ids[order], lines: manyLines }), 'INVALID_LINES', 'lines'],
    [
      'the same SKU twice',
      (ids) => ({ id: ids[order], lines: [line('A', 1), line('A', 1)] }),
      'DUPLICATE_SKU',
      'lines.1.sku',
    ],
    ['nothing of a line', (ids) => ({ id: ids[order], lines: [line('A', 0)] }), 'INVALID_QTY', 'lines.0.qty'],
    [
      '1,000,001 of a line',
      (ids) => ({ id: ids[order], lines: [line('A', 1), line('B', 1_000_001)] }),
      'INVALID_QTY',
      'lines.1.qty',
    ],
    [
      'a SKU that is in no line',
      (ids) => ({ id: ids[order], lines: [line('A', 1), line('NONE', 1)] }),
      'UNKNOWN_SKU',
      'lines.1.sku',
    ],
  ]
  const badOrders = (input: object): Bad[] => [
    ['an unknown order', () => ({ id: unknown, ...input }), 'UNKNOWN_ORDER', 'id'],
    ['what can be no order', () => ({ id: 'nul\0', ...input }), 'UNKNOWN_ORDER', 'id'],
  ]
  const stale = (order: keyof Ids, input: object): Bad => [
    'a stale version',
    (ids) => ({ id: ids[order], ...input, expectedVersion: 1_000 }),
    'STALE_EXPECTATION',
    'expectedVersion',
  ]

  const BAD: Record<Verb, Bad[]> = {
    cancelOrder: [
      ...badLines('reserved'),
      ...badOrders({}),
      stale('reserved', {}),
      ["another's order", ({ bobs }) => ({ id: bobs }), 'UNKNOWN_ORDER', 'id', null, 'customer'],
      [
        'more than is open',
        ({ reserved }) => ({ id: reserved, lines: [line('A', 5)] }),
        'QTY_EXCEEDED',
        'lines.0.qty',
        4,
      ],
    ],
    shipOrder: [
      ...badLines('reserved'),
      ...badOrders({}),
      stale('reserved', {}),
      ['an order that waits', ({ fresh }) => ({ id: fresh }), 'WRONG_STATE', 'id'],
      [
        'more than is reserved',
        ({ reserved }) => ({ id: reserved, lines: [line('B', 3)] }),
        'QTY_EXCEEDED',
        'lines.0.qty',
        2,
      ],
      [
        'an unknown location',
        ({ reserved }) => ({ id: reserved, location: 'NOWHERE' }),
        'UNKNOWN_LOCATION',
        'location',
      ],
      [
        'a line at an unknown location',
        ({ reserved }) => ({ id: reserved, lines: [line('A', 1, { location: 'a,b' })] }),
        'UNKNOWN_LOCATION',
        'lines.0.location',
      ],
      [
        'a location that holds nothing of it, and takes no promise over as it is inactive',
        ({ reserved }) => ({ id: reserved, location: 'CLOSED' }),
        'INSUFFICIENT_STOCK',
        'location',
        0,
      ],
    ],
    undoShipment: [
      ['an unknown shipment', () => ({ id: unknown }), 'UNKNOWN_SHIPMENT', 'id'],
      ['what can be no shipment', () => ({ id: 'x' }), 'UNKNOWN_SHIPMENT', 'id'],
      ['a shipment that is undone', ({ undone }) => ({ id: undone }), 'WRONG_STATE', 'id'],
      ['one of which goods came back', ({ shipment }) => ({ id: shipment }), 'QTY_EXCEEDED', 'id', 2],
      stale('shipment', {}),
    ],
    returnOrder: [
      ...badLines('shipped'),
      ...badOrders({ lines: [line('A', 1)] }),
      stale('shipped', { lines: [line('A', 1)] }),
      [
        'an order that was not shipped',
        ({ reserved }) => ({ id: reserved, lines: [line('A', 1)] }),
        'WRONG_STATE',
        'id',
      ],
      [
        'more than was shipped and has not come back',
        ({ shipped }) => ({ id: shipped, lines: [line('A', 3)] }),
        'QTY_EXCEEDED',
        'lines.0.qty',
        2,
      ],
      [
        'an unknown location',
        ({ shipped }) => ({ id: shipped, lines: [line('A', 1)], location: 'NOWHERE' }),
        'UNKNOWN_LOCATION',
        'location',
      ],
    ],
  }

  const cases = (Object.keys(BAD) as Verb[]).flatMap((verb) =>
    BAD[verb].map((bad): [Verb, ...Bad] => [verb, ...bad]),
  )
  it.for(cases)('%s: %s', async ([verb, _name, input, code, path, limit = null, who = 'operator']) => {
    const before = await readAll()
    const answer = await call(verb, { ...input(ids), idempotencyKey: 'a key' }, who)
    expect(answer.order).toBeNull()
    if (verb === 'shipOrder') expect(answer.shipments).toEqual([])
    expect(answer.userErrors).toEqual([{ code, field: ['input', ...path.split('.')], limit }])
    expect(await readAll()).toEqual(before)
  })

  it('no more can come to a location than it counts', async () => {
    const { app } = server.testApp
    server.testApp.allowBreaches(
      'the counter is set without movements',
      'available is the sum of the movements',
      'each movement follows from the one before',
    )
    const { id } = await seed(app).order({ lines: [['A', 1]] })
    await reserveOrders(app, [id])
    await call('shipOrder', { id })
    const set = (available: bigint) =>
      app.pool.query("update stock_levels set available = $1 where sku = 'A' and location = 'CLOSED'", [
        available,
      ])
    await seed(app).stock({ sku: 'A', location: 'CLOSED', qty: 1 })
    await set(2n ** 53n - 1n)
    const before = await readAll()
    const input = { id, lines: [line('A', 1)], location: 'CLOSED', idempotencyKey: 'a key' }
    const { userErrors } = await call('returnOrder', input)
    expect(userErrors).toEqual([{ code: 'INVALID_QTY', field: ['input', 'lines'], limit: null }])
    expect(await readAll()).toEqual(before)
    await set(1n)
  })
})

describe('under an idempotency key', () => {
  it('a repeat answers with what the call made, as it now is, and another call is refused', async () => {
    const { id } = await place()
    const part = { id, lines: [line('A', 1)], idempotencyKey: 'ship a part' }
    const first = await call('shipOrder', part)
    await call('shipOrder', { id })
    const before = await readAll()
    const repeat = await call('shipOrder', part)
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
      const { order, userErrors } = await call(verb, input)
      expect(order).toBeNull()
      expect(userErrors).toMatchObject([
        { code: 'IDEMPOTENCY_KEY_REUSED', field: ['input', 'idempotencyKey'] },
      ])
    }
    expect(await readAll()).toEqual(before)
  })

  it("is its caller's own, and one for all verbs", async () => {
    const { id } = await place()
    const cancel = { id, lines: [line('A', 1)], idempotencyKey: 'everyone has it' }
    for (const who of ['customer', 'service', 'operator']) {
      expect((await call('cancelOrder', cancel, who)).userErrors).toEqual([])
      expect((await call('cancelOrder', cancel, who)).userErrors).toEqual([])
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
