import { expect } from 'vitest'
import { type Caller, LOCAL_OPERATOR } from '../../../src/domain/caller.ts'
import { listLevels } from '../../../src/use-cases/stock/list-levels.ts'
import { listLocations } from '../../../src/use-cases/stock/list-locations.ts'
import { listMovements } from '../../../src/use-cases/stock/list-movements.ts'
import { saveLocation } from '../../../src/use-cases/stock/save-location.ts'
import {
  type AdjustInventoryRequest,
  adjustInventory,
} from '../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { createInventoryItem } from '../../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'

const service: Caller = { id: 'shop', role: 'service', expiresAt: null }
const MAIN = { code: 'MAIN', name: 'Main', priority: 100, isActive: true }

test('a location is made with defaults, and changed in what is given', async ({ app }) => {
  const save = (request: object) => saveLocation(app, LOCAL_OPERATOR, { code: 'WEST', ...request })
  expect((await save({})).location).toEqual({ code: 'WEST', name: 'WEST', priority: 100, isActive: true })
  expect((await save({ name: 'West', priority: 5 })).location).toMatchObject({ name: 'West', priority: 5 })
  expect((await save({ isActive: false })).location).toMatchObject({
    name: 'West',
    priority: 5,
    isActive: false,
  })
  await saveLocation(app, LOCAL_OPERATOR, { code: 'EAST', priority: 1 })
  expect((await listLocations(app)).map(({ code }) => code)).toEqual(['EAST', 'MAIN', 'WEST'])
})

test('the default location stays active, and no odd location is made', async ({ app }) => {
  expect(await saveLocation(app, LOCAL_OPERATOR, { code: 'MAIN', isActive: false })).toMatchObject({
    location: null,
    userErrors: [{ code: 'LOCATION_IN_USE', field: ['input', 'isActive'] }],
  })
  const odd = [
    [{ code: 'a b' }, 'UNKNOWN_LOCATION'],
    [{ code: '' }, 'UNKNOWN_LOCATION'],
    [{ code: 'X', priority: -1 }, 'INVALID_QTY'],
    [{ code: 'X', priority: 0.5 }, 'INVALID_QTY'],
  ] as const
  for (const [request, code] of odd) {
    expect(await saveLocation(app, LOCAL_OPERATOR, request)).toMatchObject({
      location: null,
      userErrors: [{ code }],
    })
  }
  const nameless = saveLocation(app, LOCAL_OPERATOR, { code: 'X', name: ' ' })
  await expect(nameless).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
  await expect(saveLocation(app, service, { code: 'X' })).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect(await listLocations(app)).toEqual([MAIN])
})

test('stock is counted by location, and an item adds it up', async ({ app }) => {
  await seed(app).location('WEST')
  const item = { sku: 'A', name: 'A', available: 3, location: 'WEST' }
  expect((await createInventoryItem(app, LOCAL_OPERATOR, item)).inventoryItem).toMatchObject({
    available: 3n,
  })
  const adjust = (over: Partial<AdjustInventoryRequest>) =>
    adjustInventory(app, LOCAL_OPERATOR, {
      sku: 'A',
      delta: 1,
      reason: 'found',
      expectedAvailable: null,
      ...over,
    })
  const { inventoryItem, movement } = await adjust({ delta: 5, reference: 'slip 9' })
  expect(inventoryItem).toMatchObject({ available: 8n, reserved: 0n })
  expect(movement).toMatchObject({
    location: 'MAIN',
    delta: 5,
    availableAfter: 5n,
    reservedAfter: 0n,
    reference: 'slip 9',
  })
  expect(await listLevels(app, LOCAL_OPERATOR, ['A', 'NOPE', 'nul\0'])).toMatchObject([
    { sku: 'A', location: 'MAIN', available: 5n },
    { sku: 'A', location: 'WEST', available: 3n },
  ])
  const west = await listMovements(app, LOCAL_OPERATOR, { sku: 'A', location: 'WEST', limit: 9 })
  expect(west!.movements).toMatchObject([{ type: 'RECEIPT', location: 'WEST', delta: 3 }])

  await seed(app).location('NORTH')
  const refusals = [
    await adjust({ location: 'NOWHERE' }),
    await adjust({ location: 'nul\0' }),
    await adjust({ sku: 'NOPE' }),
    await adjust({ location: 'NORTH', delta: -1 }),
    await adjust({ location: 'WEST', delta: -4 }),
    await adjust({ location: 'WEST', expectedAvailable: 8n }),
    await createInventoryItem(app, LOCAL_OPERATOR, { ...item, sku: 'B', location: 'NOWHERE' }),
  ]
  expect(refusals.map(({ userErrors }) => [userErrors[0]?.code, userErrors[0]?.limit])).toEqual([
    ['UNKNOWN_LOCATION', undefined],
    ['UNKNOWN_LOCATION', undefined],
    ['UNKNOWN_SKU', undefined],
    ['INSUFFICIENT_STOCK', 0n],
    ['INSUFFICIENT_STOCK', 3n],
    ['STALE_EXPECTATION', undefined],
    ['UNKNOWN_LOCATION', undefined],
  ])
  // what was refused made no level
  expect(await listLevels(app, LOCAL_OPERATOR, ['A', 'B'])).toHaveLength(2)
  await expect(listLevels(app, { ...service, role: 'customer' }, ['A'])).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
})
