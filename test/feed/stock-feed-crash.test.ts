import { setTimeout as sleep } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { startDatabase } from '../../chaos/database.ts'
import { createApp } from '../../src/create-app.ts'
import { LOCAL_OPERATOR } from '../../src/domain/caller.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { eventually, seed } from '../support/harness.ts'

const SUPPLIER_POLICY = {
  recheckDelayMs: 0,
  recheckLimit: 2,
  recheckFactor: 1,
  attemptsMax: 3,
  retryBaseMs: 1,
}

test('a movement is told whose number was drawn before a crash of the database by a transaction that was rolled back', async () => {
  const database = await startDatabase()
  onTestFinished(database.remove)
  const { app, close } = await createApp({
    databaseUrl: database.url,
    logger: createLogger('silent'),
    supplierPolicy: SUPPLIER_POLICY,
  })
  onTestFinished(close)
  // what is not waited for on disk does not come there by itself meanwhile
  await database.query(`alter system set wal_writer_delay = '10s'`)
  await database.query('select pg_reload_conf()')
  app.stockFeed.start()
  const everything = { skus: null, locations: null, after: null }
  const watcher = await app.stockFeed.watch(LOCAL_OPERATOR, everything)
  onTestFinished(async () => void (await watcher.return()))
  const seen: number[] = []
  const following = (async () => {
    for await (const changes of watcher) seen.push(...changes.map(({ movement }) => Number(movement.id)))
  })()
  following.catch(() => {})

  await seed(app).item({ sku: 'A', available: 10 })
  await eventually(() => seen.length === 1)
  // the sequence writes of its next number to the log, and not of each
  await database.query('checkpoint')
  // until the log writer has noticed its delay
  await sleep(500)
  await database.withClient(async (client) => {
    await client.query('begin')
    await client.query(`select from stock_levels where sku = 'A' for update`)
    await client.query(`select nextval('inventory_movements_id_seq')`)
    await client.query('rollback')
  })
  app.stockFeed.wake()
  // the ledger is taken for final up to that number
  await sleep(300)
  await database.crash()
  await database.start()
  const changeAgain = () =>
    seed(app)
      .stock({ sku: 'A', qty: 1 })
      .then(() => true)
      .catch(() => false)
  await eventually(changeAgain)
  await eventually(changeAgain)
  const movements = await database.query<{ id: number }>(
    'select id::int from inventory_movements order by id',
  )
  await eventually(() => seen.includes(movements.at(-1)!.id))
  expect(seen).toEqual(movements.map(({ id }) => id))
}, 120_000)
