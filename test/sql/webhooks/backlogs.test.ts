import type pg from 'pg'
import { expect } from 'vitest'
import type { App } from '../../../src/create-app.ts'
import { readBacklogs } from '../../../src/sql/webhooks/backlogs.ts'
import { test } from '../../support/fixtures.ts'
import { seed } from '../../support/harness.ts'
import { listenAt } from '../../support/webhooks.ts'

const listen = async (app: App) => (await listenAt(app, 'https://shop.example/hooks', ['inventory.*'])).id

/** Writes deliveries that are pending after so many attempts, and due in so many seconds. */
const insertPending = (app: App, webhookId: string, attempts: number, dueInS: number, count: number) =>
  app.pool.query(
    `insert into webhook_deliveries (id, webhook_id, event_id, event_type, status, attempts, next_attempt_at, created_at)
    select gen_random_uuid(), $1, concat_ws('_', 'evt_m' || number, $2::int), 'inventory.changed', 'PENDING', $2, now() + $3 * interval '1 s',
      now() - interval '1 day'
    from generate_series(1, $4) as number`,
    [webhookId, attempts, dueInS, count],
  )

test('a backlog has its count, its age, and how long what is due has waited', async ({ app }) => {
  const [failed, untried, unread, none] = [
    await listen(app),
    await listen(app),
    await listen(app),
    await listen(app),
  ]
  await seed(app).item({ available: 1 })
  await app.pool.query(
    'update webhooks set cursor = (select last_value from inventory_movements_id_seq) where id <> $1',
    [unread],
  )
  await app.pool.query(`update inventory_movements set created_at = now() - interval '2 h'`)
  await insertPending(app, failed, 1, 600, 3)
  await insertPending(app, untried, 1, 600, 1)
  await insertPending(app, untried, 0, -60, 200)
  const rows = await readBacklogs(app.pool, 100)
  const shown = rows.map(({ id, pending, oldestAgeS, overdueS }) => [
    id,
    pending,
    oldestAgeS && Math.round(oldestAgeS / 3_600),
    overdueS && Math.round(overdueS / 60),
  ])
  expect(shown).toEqual([
    [failed, 3, 24, -10],
    [untried, 100, 24, 1],
    [unread, 0, 2, 120],
    [none, 0, null, null],
  ])
})

test("a backlog is read by its indexes, also where nearly all deliveries are another webhook's", async ({
  app,
}) => {
  const crowded = await listen(app)
  await listen(app)
  await insertPending(app, crowded, 1, 600, 20_000)
  await app.pool.query('analyze webhook_deliveries')
  const plans: string[] = []
  const explaining = {
    query: async ({ text, values }: pg.QueryConfig) => {
      const { rows } = await app.pool.query({ text: `explain ${text}`, values: values! })
      plans.push(...rows.map((row) => row['QUERY PLAN']))
      return { rows: [] }
    },
  }
  await readBacklogs(explaining as never, 10_000)
  const scans = plans.filter((line) => line.includes('on webhook_deliveries'))
  expect(scans.map((line) => /using (\w+)/.exec(line)?.[1]).sort()).toEqual([
    'webhook_deliveries_first_idx',
    'webhook_deliveries_retry_idx',
    'webhook_deliveries_webhook_id_status_id_idx',
    'webhook_deliveries_webhook_id_status_id_idx',
  ])
})
