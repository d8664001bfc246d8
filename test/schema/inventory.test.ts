import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { seed } from '../support/harness.ts'
import { ADJUST, CREATE, READ } from './inventory-documents.ts'

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
})
afterAll(() => server.close())

/** Makes an item of which more is available than the ledger of a test can bring. */
async function setAvailable(sku: string, available: bigint): Promise<void> {
  server.testApp.allowBreaches(
    'the counter is set without movements',
    'available is the sum of the movements',
    'each movement follows from the one before',
  )
  await seed(server.app).item({ sku, available: 1 })
  await server.app.pool.query('update stock_levels set available = $2 where sku = $1', [sku, available])
}

const create = (input: object) => execute(server, CREATE, { input })
const adjust = (input: object) => execute(server, ADJUST, { input: { reason: 'stock-take', ...input } })
const read = async (sku: string) => (await execute(server, READ, { sku })).data

describe('createInventoryItem', () => {
  it('brings in what there is by a receipt', async () => {
    const { data, errors } = await create({ sku: 'New_1.0-a', name: 'Näme 📦', available: 7 })
    expect(errors).toBeUndefined()
    const receipt = {
      id: expect.stringMatching(/^\d+$/),
      sku: 'New_1.0-a',
      type: 'RECEIPT',
      delta: 7,
      availableAfter: 7,
      reason: null,
      actor: 'anonymous',
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/),
      order: null,
    }
    const inventoryItem = {
      sku: 'New_1.0-a',
      name: 'Näme 📦',
      available: 7,
      reserved: 0,
      onHand: 7,
      movements: { edges: [{ node: receipt }] },
    }
    expect(data.createInventoryItem).toEqual({ inventoryItem, userErrors: [] })
    expect(await read('New_1.0-a')).toEqual({ inventoryItem, movements: inventoryItem.movements })
  })

  it.each([{}, { available: 0 }, { available: null }])('writes no receipt for %j', async (input) => {
    const sku = `EMPTY-${JSON.stringify(input).replace(/\W/g, '')}`
    const { data } = await create({ sku, name: 'Empty', ...input })
    expect(data.createInventoryItem.inventoryItem).toMatchObject({ available: 0, movements: { edges: [] } })
  })

  it('takes the largest quantity, and the longest SKU and name', async () => {
    const { data } = await create({ sku: 'L'.repeat(64), name: 'n'.repeat(200), available: 2_000_000_000 })
    expect(data.createInventoryItem.inventoryItem.available).toBe(2_000_000_000)
  })

  it('refuses a SKU that is taken, and leaves its item alone', async () => {
    await create({ sku: 'TAKEN', name: 'First', available: 5 })
    const { data } = await create({ sku: 'TAKEN', name: 'Second', available: 9 })
    expect(data.createInventoryItem).toMatchObject({
      inventoryItem: null,
      userErrors: [{ code: 'SKU_TAKEN', field: ['input', 'sku'] }],
    })
    expect((await read('TAKEN')).inventoryItem).toMatchObject({ name: 'First', available: 5 })
  })

  it('gives a SKU that ten ask for at once to one of them', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) => create({ sku: 'RUSH', name: `n${index}`, available: 1 })),
    )
    const results = answers.map(({ data }) => data.createInventoryItem)
    expect(results.filter(({ inventoryItem }) => inventoryItem)).toHaveLength(1)
    expect(results.filter(({ userErrors }) => userErrors[0]?.code === 'SKU_TAKEN')).toHaveLength(9)
    expect((await read('RUSH')).inventoryItem.available).toBe(1)
  })

  it.each(['', ' A', 'A B', 'A\n', 'Ä', '📦', 'A\u0000', "A'--", 'S'.repeat(65), 'S'.repeat(10_000)])(
    'refuses the SKU %j',
    async (sku) => {
      const { data } = await create({ sku, name: 'Odd' })
      expect(data.createInventoryItem).toMatchObject({
        inventoryItem: null,
        userErrors: [{ code: 'INVALID_SKU', field: ['input', 'sku'] }],
      })
    },
  )

  it.each([-1, 2_000_000_001, -2_147_483_648])('refuses to start with %i', async (available) => {
    const { data } = await create({ sku: 'NEGATIVE', name: 'Odd', available })
    expect(data.createInventoryItem).toMatchObject({
      inventoryItem: null,
      userErrors: [{ code: 'INVALID_QTY', field: ['input', 'available'] }],
    })
    expect((await read('NEGATIVE')).inventoryItem).toBeNull()
  })

  it.each(['', '  ', 'two\nlines', 'zero\u0000', 'n'.repeat(201)])(
    'refuses the name %j by an error with a code',
    async (name) => {
      expect(codesOf(await create({ sku: 'NAMELESS', name }))).toEqual(['BAD_USER_INPUT'])
      expect((await read('NAMELESS')).inventoryItem).toBeNull()
    },
  )
})

describe('adjustInventory', () => {
  it('changes what is available by the delta, with a movement that says why and by whom', async () => {
    await seed(server.app).item({ sku: 'ADJ', available: 10 })
    const { data, errors } = await adjust({ sku: 'ADJ', delta: -4, reason: 'broken' })
    expect(errors).toBeUndefined()
    expect(data.adjustInventory).toEqual({
      inventoryItem: { sku: 'ADJ', name: 'ADJ', available: 6, reserved: 0, onHand: 6 },
      movement: {
        id: expect.stringMatching(/^\d+$/),
        sku: 'ADJ',
        type: 'ADJUSTMENT',
        delta: -4,
        availableAfter: 6,
        reason: 'broken',
        actor: 'anonymous',
        createdAt: expect.any(String),
        order: null,
      },
      userErrors: [],
    })
    const { movements, inventoryItem } = await read('ADJ')
    expect(inventoryItem.available).toBe(6)
    expect(movements.edges[0].node).toEqual(data.adjustInventory.movement)
    expect(movements.edges).toHaveLength(2)
  })

  it('counts beyond 32 bits exactly', async () => {
    await seed(server.app).item({ sku: 'HUGE', available: 2_000_000_000 })
    await adjust({ sku: 'HUGE', delta: 2_147_483_647 })
    expect((await read('HUGE')).inventoryItem).toMatchObject({
      available: 4_147_483_647,
      onHand: 4_147_483_647,
    })
  })

  it.each([
    ['takes more than there is', { delta: -11 }, 'INSUFFICIENT_STOCK', 'delta'],
    ['changes nothing', { delta: 0 }, 'INVALID_QTY', 'delta'],
    [
      'expects another quantity',
      { delta: 1, expectedAvailable: 9 },
      'STALE_EXPECTATION',
      'expectedAvailable',
    ],
    ['expects below zero', { delta: 1, expectedAvailable: -1 }, 'STALE_EXPECTATION', 'expectedAvailable'],
    ['names an unknown SKU', { sku: 'NO-SUCH', delta: 1 }, 'UNKNOWN_SKU', 'sku'],
    ['names a SKU with a zero byte', { sku: 'A\u0000', delta: 1 }, 'UNKNOWN_SKU', 'sku'],
    ['names a SKU of 10 kB', { sku: 'S'.repeat(10_000), delta: 1 }, 'UNKNOWN_SKU', 'sku'],
  ])('refuses a call that %s', async (name, input, code, field) => {
    const sku = `ADJ-${name.replaceAll(' ', '-')}`
    await seed(server.app).item({ sku, available: 10 })
    const { data } = await adjust({ sku, ...input })
    expect(data.adjustInventory).toMatchObject({
      inventoryItem: null,
      movement: null,
      userErrors: [{ code, field: ['input', field] }],
    })
    const after = await read(sku)
    expect(after.inventoryItem.available).toBe(10)
    expect(after.movements.edges).toHaveLength(1)
  })

  it('refuses what would no longer be exact in JSON', async () => {
    await setAvailable('FULL', 9_007_199_254_740_990n)
    const { data } = await adjust({ sku: 'FULL', delta: 2 })
    expect(data.adjustInventory.userErrors).toMatchObject([{ code: 'INVALID_QTY' }])
    await adjust({ sku: 'FULL', delta: 1, expectedAvailable: null })
    expect((await read('FULL')).inventoryItem.available).toBe(Number.MAX_SAFE_INTEGER)
  })

  it('takes as expected whatever can be available, by variable and in the text', async () => {
    await setAvailable('WIDE', 9_007_199_254_740_991n)
    const { data } = await adjust({ sku: 'WIDE', delta: -1, expectedAvailable: Number.MAX_SAFE_INTEGER })
    expect(data.adjustInventory).toMatchObject({ inventoryItem: { available: 9_007_199_254_740_990 } })
    const inText = (expected: string) =>
      execute(
        server,
        `mutation { adjustInventory(input: { sku: "WIDE" delta: -1 reason: "x" expectedAvailable: ${expected} }) {
          userErrors { code }
        } }`,
      )
    expect((await inText('9007199254740990')).data.adjustInventory.userErrors).toEqual([])
    expect((await inText('null')).data.adjustInventory.userErrors).toEqual([])
    for (const none of ['9007199254740993', '1.5', '1e3', '"1"', 'true', '{}', '[1]']) {
      const { errors } = await inText(none)
      expect(errors?.[0]?.message).toContain('Quantity')
    }
  })

  it.each([1.5, 2 ** 53, '1', true, {}, [1]])('refuses %j as what is expected', async (expectedAvailable) => {
    const answer = await adjust({ sku: 'ANY', delta: 1, expectedAvailable })
    expect(codesOf(answer)).toEqual(['BAD_USER_INPUT'])
    expect(answer.errors?.[0]?.message).toContain('Quantity')
  })

  it('lets exactly one of many that expect the same quantity win', async () => {
    await seed(server.app).item({ sku: 'CAS', available: 10 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => adjust({ sku: 'CAS', delta: -1, expectedAvailable: 10 })),
    )
    const codes = answers.map(({ data }) => data.adjustInventory.userErrors[0]?.code ?? 'won')
    expect(codes.toSorted()).toEqual([...Array(19).fill('STALE_EXPECTATION'), 'won'])
    expect((await read('CAS')).inventoryItem.available).toBe(9)
  })

  it('loses none of many deltas that arrive at once, and never goes below zero', async () => {
    await seed(server.app).item({ sku: 'SUM', available: 15 })
    const answers = await Promise.all(Array.from({ length: 20 }, () => adjust({ sku: 'SUM', delta: -1 })))
    const codes = answers.map(({ data }) => data.adjustInventory.userErrors[0]?.code ?? 'done')
    expect(codes.toSorted()).toEqual([...Array(5).fill('INSUFFICIENT_STOCK'), ...Array(15).fill('done')])
    const { inventoryItem, movements } = await read('SUM')
    expect(inventoryItem.available).toBe(0)
    expect(
      movements.edges.map(({ node }: { node: { availableAfter: number } }) => node.availableAfter),
    ).toEqual(Array.from({ length: 16 }, (_, index) => index))
  })

  it.each(['', ' ', 'two\nlines', 'zero\u0000', 'half\ud83d', 'r'.repeat(501)])(
    'refuses the reason %j by an error with a code',
    async (reason) => {
      expect(codesOf(await adjust({ sku: 'ANY', delta: 1, reason }))).toEqual(['BAD_USER_INPUT'])
    },
  )
})

it.each(['NO-SUCH', '', 'A\u0000', '📦', 'S'.repeat(10_000), "' or 1=1 --"])(
  'answers null, and an empty ledger, for the SKU %j',
  async (sku) => {
    const answer = await execute(server, READ, { sku })
    expect(answer.errors).toBeUndefined()
    expect(answer.data).toEqual({ inventoryItem: null, movements: { edges: [] } })
  },
)
