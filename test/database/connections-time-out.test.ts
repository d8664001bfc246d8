import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, ServerPool } from '../../src/database/connections.ts'
import { createTestDatabase, eventually } from '../support/harness.ts'

let database: Awaited<ReturnType<typeof createTestDatabase>>
let looker: pg.Client
beforeAll(async () => {
  database = await createTestDatabase()
  looker = new pg.Client({ connectionString: database.databaseUrl })
  await looker.connect()
})
afterAll(async () => {
  await looker.end()
  await database.drop()
})

const countSleepers = async () => {
  const { rows } = await looker.query(
    `select count(*)::int as count from pg_stat_activity where state = 'active' and application_name = 'sleeper'`,
  )
  return rows[0].count
}

test('a statement that its client gives up ends on the server too', async () => {
  const pool = new ServerPool(database.databaseUrl, { application_name: 'sleeper', query_timeout: 500 })
  await expect(pool.query('select pg_sleep(60)')).rejects.toThrow(/timeout/)
  await eventually(async () => (await countSleepers()) === 0)
  await pool.end()
})

test('a statement whose client has died ends on the server too', async () => {
  const client = await connect(database.databaseUrl, { application_name: 'sleeper' }, () => {})
  const { connection } = client as unknown as { connection: { stream: { destroy: () => void } } }
  const sleeping = client.query('select pg_sleep(60)').catch(() => {})
  await eventually(async () => (await countSleepers()) === 1)
  // as the kernel does with what a killed process had open
  connection.stream.destroy()
  await sleeping
  await eventually(async () => (await countSleepers()) === 0)
})
