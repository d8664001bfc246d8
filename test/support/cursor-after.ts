import type { App } from '../../src/create-app.ts'
import { cursorOf } from '../../src/feed/stock-cursor.ts'

/** Returns the stream's cursor of a movement. @throws where there is no such movement */
export async function cursorAfter(app: Pick<App, 'pool'>, id: number | bigint): Promise<string> {
  const { rows } = await app.pool.query<{ writtenAt: Date }>(
    'select created_at as "writtenAt" from inventory_movements where id = $1',
    [id],
  )
  return cursorOf({ position: BigInt(id), writtenAt: rows[0]!.writtenAt })
}
