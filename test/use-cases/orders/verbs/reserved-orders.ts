import type { App } from '../../../../src/create-app.ts'
import { type Caller, LOCAL_OPERATOR, type Role } from '../../../../src/domain/caller.ts'
import { findOrder } from '../../../../src/use-cases/orders/find-order.ts'
import { seed } from '../../../support/harness.ts'
import { reserveOrders } from '../../../support/reserve-orders.ts'

export const as = (role: Role, id = 'alice'): Caller => ({ id, role, expiresAt: null })
export const read = async (app: App, id: string) => (await findOrder(app, LOCAL_OPERATOR, id))!
export const codesOf = (results: { userErrors: readonly { code: string }[] }[]) =>
  results.map(({ userErrors }) => userErrors[0]?.code ?? 'done')

let skuCount = 0
/** A SKU that no other test of the file has. */
export const newSku = () => `SKU-${++skuCount}`

/** An order of one line that is reserved, of a SKU of its own of which `available` are left over. */
export async function reserved(
  app: App,
  { qty = 4, available = 1, customerId = null as string | null } = {},
) {
  const sku = newSku()
  await seed(app).item({ sku, available: qty + available })
  const { id } = await seed(app).order({ sku, qty, customerId })
  await reserveOrders(app, [id])
  return { id, sku }
}
