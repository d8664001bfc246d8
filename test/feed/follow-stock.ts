import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import type { InventoryChange } from '../../src/domain/stock/thresholds.ts'
import type { StockFilter } from '../../src/feed/stock-filter.ts'
import { eventually, seed } from '../support/harness.ts'

/** What a client asks for that follows all stock from now on. */
export const EVERYTHING = { skus: null, locations: null, after: null }

/** Follows the stock of an application, and keeps what it receives. */
export async function follow(app: App, filter: Partial<StockFilter & { after: string | null }> = {}) {
  const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, { ...EVERYTHING, ...filter })
  const seen: InventoryChange[] = []
  const over = (async () => {
    for await (const changes of watcher) seen.push(...changes)
  })()
  over.catch(() => {})
  onTestFinished(() => void watcher.return())
  return {
    seen,
    over,
    watcher,
    ids: () => seen.map(({ movement }) => Number(movement.id)),
    /** Waits until it has received so many, and then for more that must not come. */
    async settled(count: number) {
      await eventually(() => seen.length >= count)
      await sleep(50)
      expect(seen).toHaveLength(count)
      return seen
    },
  }
}

/** Changes what is available of an item. */
export const change = (app: App, qty: number, sku = 'A', location = 'MAIN') =>
  seed(app).stock({ sku, location, qty })

/** A transaction that has drawn the id of a movement, and is not over. */
export async function underWay(app: App, sku: string) {
  const client = await app.pool.connect()
  await client.query('begin')
  await client.query('select from stock_levels where sku = $1 for update', [sku])
  await client.query(
    `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
    select $1, 'MAIN', 'ADJUSTMENT', 1, 0, available + 1, 0, now() from stock_levels where sku = $1`,
    [sku],
  )
  await client.query('update stock_levels set available = available + 1 where sku = $1', [sku])
  const end = (how: 'commit' | 'rollback') => async () => {
    await client.query(how)
    client.release()
  }
  return { commit: end('commit'), rollback: end('rollback') }
}

/** The ids of all movements. */
export async function readIds(app: App): Promise<number[]> {
  const { rows } = await app.pool.query<{ id: number }>('select id::int from inventory_movements order by id')
  return rows.map(({ id }) => id)
}

/** Writes movements to the ledger alone, in one statement: as many came and went. */
export async function storeMovements(app: App, count: number): Promise<void> {
  await app.pool.query(
    `insert into inventory_movements (sku, location, type, delta, reserved_delta, available_after, reserved_after, created_at)
    select 'A', 'MAIN', 'ADJUSTMENT', case when n % 2 = 1 then 1 else -1 end, 0, 10 + n % 2, 0, now()
    from generate_series(1, $1::int) as n`,
    [count],
  )
}
