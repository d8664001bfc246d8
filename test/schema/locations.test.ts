import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesOf, execute, serveTestApp, type TestServer } from '../support/graphql.ts'
import { ADJUST, CREATE, READ } from './inventory-documents.ts'

let server: TestServer
beforeAll(async () => {
  server = await serveTestApp()
})
afterAll(() => server.close())

const create = (input: object) => execute(server, CREATE, { input })
const adjust = (input: object) => execute(server, ADJUST, { input: { reason: 'stock-take', ...input } })
const read = async (sku: string) => (await execute(server, READ, { sku })).data

describe('stock in locations', () => {
  const LEVELS = `query ($sku: String!, $location: String) {
    inventoryItem(sku: $sku) {
      available reserved onHand availableToPromise
      levels { id sku location { code isActive } available reserved onHand safetyStock availableToPromise }
    }
    movements(sku: $sku, location: $location) { edges { node { delta location { code } reference availableAfter } } }
  }`
  const readLevels = async (sku: string, location: string | null = null) =>
    (await execute(server, LEVELS, { sku, location })).data
  const SAVE = `mutation ($input: LocationInput!) {
    saveLocation(input: $input) {
      location { id code name priority isActive isDefault } userErrors { code field }
    }
  }`
  const save = (input: object) => execute(server, SAVE, { input })
  const listLocations = async () =>
    (await execute(server, '{ locations { code priority isActive isDefault } }')).data.locations

  it('saves a location, changes what is given of it, and lists all', async () => {
    const west = {
      id: 'location:WEST',
      code: 'WEST',
      name: 'WEST',
      priority: 100,
      isActive: true,
      isDefault: false,
    }
    expect((await save({ code: 'WEST' })).data.saveLocation).toEqual({ location: west, userErrors: [] })
    const change = { code: 'WEST', name: 'Wörgl 📦', priority: 7 }
    expect((await save(change)).data.saveLocation.location).toEqual({ ...west, ...change })
    expect((await save({ code: 'WEST', name: null })).data.saveLocation.location).toEqual({
      ...west,
      ...change,
    })
    await save({ code: 'QUARANTINE', priority: 0, isActive: false })
    expect(await listLocations()).toEqual([
      { code: 'WEST', priority: 7, isActive: true, isDefault: false },
      { code: 'MAIN', priority: 100, isActive: true, isDefault: true },
      { code: 'QUARANTINE', priority: 0, isActive: false, isDefault: false },
    ])
  })

  it.each([
    [{ code: '' }, 'UNKNOWN_LOCATION', 'code'],
    [{ code: 'a b' }, 'UNKNOWN_LOCATION', 'code'],
    [{ code: 'nul\0' }, 'UNKNOWN_LOCATION', 'code'],
    [{ code: 'x'.repeat(65) }, 'UNKNOWN_LOCATION', 'code'],
    [{ code: 'EAST', priority: -1 }, 'INVALID_QTY', 'priority'],
    [{ code: 'EAST', priority: 1_000_001 }, 'INVALID_QTY', 'priority'],
  ])('refuses the location %j by a user error', async (input, code, field) => {
    const before = await listLocations()
    const { data } = await save(input)
    expect(data.saveLocation).toEqual({ location: null, userErrors: [{ code, field: ['input', field] }] })
    expect(await listLocations()).toEqual(before)
  })

  it.each([
    { code: 'EAST', name: ' ' },
    { code: 'EAST', name: 'two\nlines' },
  ])('refuses the location %j by an error with a code', async (input) => {
    const before = await listLocations()
    expect(codesOf(await save(input))).toEqual(['BAD_USER_INPUT'])
    expect(await listLocations()).toEqual(before)
  })

  it('keeps the default location active', async () => {
    const { data } = await save({ code: 'MAIN', name: 'Elsewhere', isActive: false })
    expect(data.saveLocation).toEqual({
      location: null,
      userErrors: [{ code: 'LOCATION_IN_USE', field: ['input', 'isActive'] }],
    })
    expect((await listLocations())[1]).toMatchObject({ code: 'MAIN', isActive: true })
  })

  it('counts an item over all of them, and what can be promised over the active ones', async () => {
    await create({ sku: 'SPREAD', name: 'Spread', available: 5, location: 'WEST' })
    await adjust({ sku: 'SPREAD', delta: 3, reference: 'note 9' })
    await adjust({ sku: 'SPREAD', delta: 40, location: 'QUARANTINE' })
    await server.app.pool.query(
      "update stock_levels set safety_stock = 2 where sku = 'SPREAD' and location <> 'QUARANTINE'",
    )
    const { inventoryItem, movements } = await readLevels('SPREAD')
    const level = (code: string, isActive: boolean, available: number, safetyStock: number) => ({
      id: `level:SPREAD:${code}`,
      sku: 'SPREAD',
      location: { code, isActive },
      available,
      reserved: 0,
      onHand: available,
      safetyStock,
      availableToPromise: available - safetyStock,
    })
    expect(inventoryItem).toEqual({
      available: 48,
      reserved: 0,
      onHand: 48,
      availableToPromise: 4,
      levels: [level('MAIN', true, 3, 2), level('QUARANTINE', false, 40, 0), level('WEST', true, 5, 2)],
    })
    const [QUARANTINE, MAIN, WEST] = [
      { delta: 40, location: { code: 'QUARANTINE' }, reference: null, availableAfter: 40 },
      { delta: 3, location: { code: 'MAIN' }, reference: 'note 9', availableAfter: 3 },
      { delta: 5, location: { code: 'WEST' }, reference: null, availableAfter: 5 },
    ]
    const nodes = ({ edges }: { edges: { node: object }[] }) => edges.map(({ node }) => node)
    expect(nodes(movements)).toEqual([QUARANTINE, MAIN, WEST])
    expect(nodes((await readLevels('SPREAD', 'WEST')).movements)).toEqual([WEST])
    for (const nowhere of ['NOWHERE', '', '\0', 'x'.repeat(10_000)]) {
      expect(nodes((await readLevels('SPREAD', nowhere)).movements)).toEqual([])
    }
  })

  it('expects and limits what is available at the one that is named', async () => {
    await create({ sku: 'NEAR', name: 'Near', available: 5, location: 'WEST' })
    await adjust({ sku: 'NEAR', delta: 50 })
    const refused = async (input: object) => (await adjust({ sku: 'NEAR', ...input })).data.adjustInventory
    expect(await refused({ location: 'WEST', delta: -6 })).toMatchObject({
      inventoryItem: null,
      movement: null,
      userErrors: [{ code: 'INSUFFICIENT_STOCK', field: ['input', 'delta'] }],
    })
    expect(await refused({ location: 'WEST', delta: 1, expectedAvailable: 55 })).toMatchObject({
      userErrors: [{ code: 'STALE_EXPECTATION', field: ['input', 'expectedAvailable'] }],
    })
    expect(await refused({ location: 'WEST', delta: 1, expectedAvailable: 5 })).toMatchObject({
      inventoryItem: { available: 56 },
      userErrors: [],
    })
    const { data } = await execute(
      server,
      'mutation { adjustInventory(input: { sku: "NEAR", delta: -52, reason: "x", location: "MAIN" }) { userErrors { code limit } } }',
    )
    expect(data.adjustInventory.userErrors).toEqual([{ code: 'INSUFFICIENT_STOCK', limit: 50 }])
  })

  it.each(['NOWHERE', '', 'nul\0'])('knows no location %j, and changes nothing', async (location) => {
    const unknown = [{ code: 'UNKNOWN_LOCATION', field: ['input', 'location'] }]
    const item = await create({ sku: 'NOWHERE', name: 'No', available: 1, location })
    expect(item.data.createInventoryItem).toMatchObject({ inventoryItem: null, userErrors: unknown })
    expect((await read('NOWHERE')).inventoryItem).toBeNull()
    const before = await readLevels('NEAR')
    const change = await adjust({ sku: 'NEAR', delta: 1, location })
    expect(change.data.adjustInventory).toMatchObject({
      inventoryItem: null,
      movement: null,
      userErrors: unknown,
    })
    expect(await readLevels('NEAR')).toEqual(before)
  })
})
