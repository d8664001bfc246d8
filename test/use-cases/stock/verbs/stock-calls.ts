import type { App } from '../../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR } from '../../../../src/domain/caller.ts'
import { findOrder } from '../../../../src/use-cases/orders/find-order.ts'
import { adjustInventory } from '../../../../src/use-cases/stock/verbs/adjust-inventory.ts'
import { countInventory } from '../../../../src/use-cases/stock/verbs/count-inventory.ts'
import { receiveInventory } from '../../../../src/use-cases/stock/verbs/receive-inventory.ts'
import { transferInventory } from '../../../../src/use-cases/stock/verbs/transfer-inventory.ts'
import { seed } from '../../../support/harness.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'

/** Of whom the calls below are, where nothing else is said. */
export const service: Caller = { id: 'shop', role: 'service', expiresAt: null }

export type Asked<Verb extends (context: App, caller: Caller, request: never) => unknown> = Partial<
  Parameters<Verb>[2]
>

export const receive = (app: App, asked: Asked<typeof receiveInventory> = {}, caller = service) =>
  receiveInventory(app, caller, { sku: 'A', qty: 5, ...asked })
export const transfer = (app: App, asked: Asked<typeof transferInventory> = {}, caller = service) =>
  transferInventory(app, caller, { from: 'MAIN', to: 'WEST', lines: [{ sku: 'A', qty: 2 }], ...asked })
export const count = (app: App, counted: bigint, asked: Asked<typeof countInventory> = {}) =>
  countInventory(app, service, { counts: [{ sku: 'A', counted }], reason: 'count', ...asked })
export const adjust = (app: App, delta: number, asked: Asked<typeof adjustInventory> = {}) =>
  adjustInventory(app, LOCAL_OPERATOR, { sku: 'A', delta, reason: 'x', expectedAvailable: null, ...asked })

export const movementsOf = (app: App) => app.prisma.inventoryMovement.findMany({ orderBy: { id: 'asc' } })
export const statusOf = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!.status

export async function wait(app: App, qty: number, locations: string[] | null = null): Promise<string> {
  const { id } = await seed(app).order({ sku: 'A', qty, ifShort: 'WAIT', locations })
  await reserveOrders(app, [id])
  return id
}
