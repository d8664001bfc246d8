import type { App } from '../../src/create-app.ts'
import type { Order } from '../../src/domain/orders/order.ts'
import { seed } from './harness.ts'
import { reserveOrders } from './reserve-orders.ts'

/** Who calls: a stranger, and each of the roles. */
export const WHO = ['nobody', 'customer', 'service', 'operator'] as const

/** What a call comes to for each of them. */
export type ComesTo<Result> = Record<(typeof WHO)[number], Result>

/** What alice, the customer, has. */
export type Seeded = {
  /** Reserved. */
  alices: Order
  hold: Order
  /** Of further holds: one for each who confirms one. */
  holdIds: string[]
}

/** Places orders of the customer, of which others may see or change some. */
export async function seedForRoles(app: App): Promise<Seeded> {
  await seed(app).item({ sku: 'GIZMO', available: 100 })
  const alices = await seed(app).order({ customerId: 'alice', qty: 50 })
  await reserveOrders(app, [alices.id])
  const placeHold = () => seed(app).order({ customerId: 'alice', holdSeconds: 600 })
  const hold = await placeHold()
  const holdIds: string[] = []
  for (const _ of WHO) holdIds.push((await placeHold()).id)
  return { alices, hold, holdIds }
}
