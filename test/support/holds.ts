import type { App } from '../../src/create-app.ts'
import { expireHolds } from '../../src/use-cases/orders/expire-holds.ts'

/** Lets a hold be past its time, by the database's clock. Its stock is not released by this. */
export async function letHoldPass(app: App, id: string): Promise<void> {
  await app.pool.query(`update orders set expires_at = clock_timestamp() - interval '1 ms' where id = $1`, [
    id,
  ])
}

/** The same, with what a worker does then. */
export async function expireHold(app: App, id: string): Promise<void> {
  await letHoldPass(app, id)
  await expireHolds(app)
}
