import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { App } from '../../src/create-app.ts'
import type { Caller, Role } from '../../src/domain/caller.ts'
import { createOrder } from '../../src/use-cases/orders/create-order.ts'
import { findOrder } from '../../src/use-cases/orders/find-order.ts'
import { listMovementPages, listMovements } from '../../src/use-cases/stock/list-movements.ts'
import { adjustInventory } from '../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { createInventoryItem } from '../../src/use-cases/stock/verbs/create-inventory-item.ts'
import { retryDeadLetters } from '../../src/use-cases/upkeep/retry-dead-letters.ts'
import { createTestApp, seed, type TestApp } from '../support/harness.ts'

let testApp: TestApp
let app: App
beforeAll(async () => {
  testApp = await createTestApp()
  app = testApp.app
  await seed(app).item({ sku: 'GIZMO', available: 9 })
})
afterEach(() => vi.useRealTimers())
afterAll(() => testApp.close())

const as = (role: Role, id = 'alice', expiresAt: Date | null = null): Caller => ({ id, role, expiresAt })

/** Use-cases refuse by themselves, whatever transport forgot to. */
describe.each([
  ['listMovements', ['customer'], (by: Caller) => listMovements(app, by, { sku: 'GIZMO', limit: 1 })],
  ['listMovementPages', ['customer'], (by: Caller) => listMovementPages(app, by, [])],
  [
    'adjustInventory',
    ['customer', 'service'],
    (by: Caller) =>
      adjustInventory(app, by, { sku: 'GIZMO', delta: 1, reason: 'found', expectedAvailable: null }),
  ],
  [
    'createInventoryItem',
    ['customer', 'service'],
    (by: Caller) => createInventoryItem(app, by, { sku: `BY-${by.role}`, name: 'New', available: 0 }),
  ],
  ['retryDeadLetters', ['customer', 'service'], (by: Caller) => retryDeadLetters(app, by, [])],
] as const)('%s', (_name, refused, run) => {
  it.each(['customer', 'service', 'operator'] as const)('by %s', async (role) => {
    const running = run(as(role))
    if ((refused as readonly Role[]).includes(role)) {
      await expect(running).rejects.toMatchObject({ name: 'CallError', code: 'FORBIDDEN' })
    } else await expect(running).resolves.toBeDefined()
  })
})

it("finds and watches no other customer's order", async () => {
  const { id } = await seed(app).order({ customerId: 'bob' })
  expect(await findOrder(app, as('customer'), id)).toBeNull()
  await expect(app.feed.watch(as('customer'), id, 0)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  expect(await findOrder(app, as('customer', 'bob'), id)).toMatchObject({ id })
  expect(app.feed.watcherCount).toBe(0)
})

it('watches nothing for a token that has expired', async () => {
  const { id } = await seed(app).order({ customerId: 'alice' })
  const late = as('customer', 'alice', new Date(Date.now() - 1))
  await expect(app.feed.watch(late, id, 0)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(app.feed.watcherCount).toBe(0)
})

it('shows nothing more once the token has expired, also before the timer has noticed', async () => {
  const { id } = await seed(app).order({ customerId: 'alice' })
  const watcher = await app.feed.watch(as('customer', 'alice', new Date(Date.now() + 60_000)), id, 0)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_000 })
  await expect(watcher.next()).rejects.toMatchObject({ code: 'UNAUTHENTICATED' })
  expect(app.feed.watcherCount).toBe(0)
})

it('orders for nobody else as a customer, and for whom it is told as a service', async () => {
  const request = { sku: 'GIZMO', qty: 1, idempotencyKey: null, customerId: 'bob' }
  await expect(createOrder(app, as('customer'), request)).rejects.toMatchObject({ code: 'FORBIDDEN' })
  expect((await createOrder(app, as('service'), request)).order).toMatchObject({ customerId: 'bob' })
})
