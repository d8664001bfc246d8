import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect } from 'vitest'
import type { App } from '../../src/create-app.ts'
import { cursorOf, placeOf } from '../../src/feed/stock-cursor.ts'
import { cursorAfter } from '../support/cursor-after.ts'
import { test } from '../support/fixtures.ts'
import { seed } from '../support/harness.ts'
import { change, follow, underWay } from './follow-stock.ts'

/** Loses the last movement, as a backup or a replica that is behind does. */
async function setBack(app: App): Promise<void> {
  await app.pool.query(`update stock_levels set available = available - newest.delta
    from (select * from inventory_movements order by id desc limit 1) as newest
    where stock_levels.sku = newest.sku and stock_levels.location = newest.location`)
  const { rows } = await app.pool.query<{ id: number }>(
    `delete from inventory_movements where id = (select max(id) from inventory_movements) returning id::int`,
  )
  await app.pool.query(`select setval('inventory_movements_id_seq', $1)`, [rows[0]!.id - 1])
}

describe('of a database that was set back', () => {
  test('and has grown again since, a cursor of what was lost is refused', async ({ app }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    await change(app, 1)
    const kept = await cursorAfter(app, 2)
    await change(app, 2)
    const lost = await cursorAfter(app, 3)
    await setBack(app)
    await change(app, 3)
    await change(app, 4)
    await expect(follow(app, { after: lost })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' })
    const { settled } = await follow(app, { after: kept })
    expect((await settled(2)).map(({ movement }) => movement.delta)).toEqual([3, 4])
  })

  test('open views end, and those that come anew receive what takes the place of what was lost', async ({
    app,
  }) => {
    await seed(app).item({ sku: 'A', available: 10 })
    const first = await follow(app)
    await change(app, 1)
    await change(app, 2)
    await first.settled(2)
    await setBack(app)
    await change(app, 3)
    await expect(first.over).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const { settled } = await follow(app, { after: cursorOf(placeOf(first.seen[0]!)) })
    await change(app, 4)
    expect((await settled(2)).map(({ movement }) => movement.delta)).toEqual([3, 4])
  })

  test('by a crash that lost numbers of the sequence, nothing is missed', async ({ app, testApp }) => {
    testApp.allowBreaches('movements are written by hand')
    await seed(app).item({ sku: 'A', available: 10 })
    const { settled, ids } = await follow(app)
    const early = await underWay(app, 'A')
    await early.rollback()
    await change(app, 1)
    await settled(1)
    const gone = await underWay(app, 'A')
    await gone.rollback()
    // a look at the ledger while its sequence is at 4
    app.stockFeed.wake()
    await sleep(100)
    await app.pool.query(`select setval('inventory_movements_id_seq', 3)`)
    await change(app, 2)
    await settled(2)
    expect(ids()).toEqual([3, 4])
  })
})
