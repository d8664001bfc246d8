import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seed } from '../support/harness.ts'
import { reserveOrders } from '../support/reserve-orders.ts'
import { readEverything } from '../support/rest-orders.ts'
import { line, type OrderServer, serveOrders, type Verb } from './serve-orders.ts'

let server: OrderServer
beforeAll(async () => {
  server = await serveOrders()
})
afterAll(() => server.close())

/** Of an order 3 of A and all of B have left, and 1 of A has come back. */
async function placeShipped() {
  const { id } = await server.place()
  const { shipments } = await server.call('shipOrder', { id, lines: [line('A', 3), line('B', 2)] })
  await server.call('returnOrder', { id, lines: [line('A', 1)] })
  return { id, shipmentId: shipments[0].id as string }
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
    ids.fresh = (await server.place({ isReserved: false })).id
    ids.reserved = (await server.place()).id
    ids.bobs = (await server.place({ customerId: 'bob' })).id
    const { id, shipmentId } = await placeShipped()
    ids.shipped = id
    ids.shipment = shipmentId
    const other = await server.place()
    const { shipments } = await server.call('shipOrder', { id: other.id })
    ids.undone = shipments[0].id
    await server.call('undoShipment', { id: ids.undone })
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
    const before = await readEverything(server.testApp.app)
    const answer = await server.call(verb, { ...input(ids), idempotencyKey: 'a key' }, who)
    expect(answer.order).toBeNull()
    if (verb === 'shipOrder') expect(answer.shipments).toEqual([])
    expect(answer.userErrors).toEqual([{ code, field: ['input', ...path.split('.')], limit }])
    expect(await readEverything(server.testApp.app)).toEqual(before)
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
    await server.call('shipOrder', { id })
    const set = (available: bigint) =>
      app.pool.query("update stock_levels set available = $1 where sku = 'A' and location = 'CLOSED'", [
        available,
      ])
    await seed(app).stock({ sku: 'A', location: 'CLOSED', qty: 1 })
    await set(2n ** 53n - 1n)
    const before = await readEverything(server.testApp.app)
    const input = { id, lines: [line('A', 1)], location: 'CLOSED', idempotencyKey: 'a key' }
    const { userErrors } = await server.call('returnOrder', input)
    expect(userErrors).toEqual([{ code: 'INVALID_QTY', field: ['input', 'lines'], limit: null }])
    expect(await readEverything(server.testApp.app)).toEqual(before)
    await set(1n)
  })
})
