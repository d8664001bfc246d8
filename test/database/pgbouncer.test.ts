import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/database/migrate.ts'
import { isUnavailable } from '../../src/database/unavailable.ts'
import { ChannelListener } from '../../src/feed/channel-listener.ts'
import { createLogger } from '../../src/observability/logs/logger.ts'
import { createOwnedDatabase, queryAsSuperuser } from '../support/create-database.ts'
import { STARTS_LIMIT_MS, startTwice } from '../support/every-call.ts'
import { eventually } from '../support/harness.ts'
import { hasPgBouncer, startPgBouncer } from '../support/pgbouncer.ts'
import { Processes } from '../support/server-process.ts'

const processes = new Processes()
afterAll(() => processes.end())

const isSkipped = !hasPgBouncer() && process.env.CI !== 'true'

describe.skipIf(isSkipped)('PgBouncer', () => {
  test('behind PgBouncer as it comes, in session mode, every call works', {
    timeout: STARTS_LIMIT_MS,
  }, async () => {
    const { url, role, name } = await createOwnedDatabase()
    await queryAsSuperuser(name, `alter role ${role} set TimeZone = 'Asia/Tokyo'`)
    await startTwice(processes, { DATABASE_URL: await startPgBouncer(url) })
  })

  const SHARED = /^DATABASE_URL leads through a pooler that shares connections .*pool_mode=session/

  test.each([
    ['transaction', [], 0],
    ['transaction', ['server_round_robin = 1'], 0],
    // with more connections to the server than there are clients at the start
    ['transaction', [], 6],
    ['transaction', ['server_round_robin = 1'], 2],
    ['transaction', ['server_round_robin = 1'], 3],
    ['transaction', ['server_round_robin = 1'], 6],
    ['transaction', ['default_pool_size = 1'], 0],
    ['statement', [], 0],
    ['statement', ['server_round_robin = 1'], 3],
  ])('pool_mode=%s with %j and %i connections before is refused', async (mode, settings, others) => {
    const { url, name } = await createOwnedDatabase()
    const pooled = await startPgBouncer(url, [`pool_mode = ${mode}`, ...settings])
    await openConnections(pooled, others)
    const refused: Error = await migrate(pooled).then(
      () => new Error('not refused'),
      (error) => error,
    )
    expect(refused.message).toMatch(SHARED)
    expect(isUnavailable(refused)).toBe(false)
    expect(
      await queryAsSuperuser(name, `select from pg_tables where tablename = '_prisma_migrations'`),
    ).toEqual([])
  })

  test('a pooled connection that others use meanwhile is found out', async () => {
    const { url } = await createOwnedDatabase()
    const pooled = await startPgBouncer(url, ['pool_mode = transaction'])
    const pool = new pg.Pool({ connectionString: pooled, max: 8 })
    let isOver = false
    const use = async () => {
      while (!isOver) await pool.query('select pg_sleep(random() * 0.002)')
    }
    const using = Promise.all(Array.from({ length: 8 }, use))
    onTestFinished(() => pool.end())
    for (let time = 0; time < 5; time++) await expect(migrate(pooled)).rejects.toThrow(SHARED)
    isOver = true
    await using
  })

  test('a pooler that comes to share connections while it is used is noticed by what listens', async () => {
    const { url } = await createOwnedDatabase()
    const pooled = await startPgBouncer(url, ['pool_mode = transaction', 'server_round_robin = 1'])
    await openConnections(pooled, 3)
    const lost = Promise.withResolvers<Error>()
    const listener = new ChannelListener({
      databaseUrl: pooled,
      channel: 'orders',
      onNotification: () => {},
      onGap: () => {},
      onServerLost: (error) => lost.resolve(error as Error),
      logger: createLogger('silent'),
    })
    await listener.start()
    onTestFinished(() => listener.stop())
    const error = await lost.promise
    expect(error.message).toContain('Holdfast needs pool_mode=session')
    expect(isUnavailable(error)).toBe(true)
  })

  test('the start ends with that one sentence', async () => {
    const { url } = await createOwnedDatabase()
    const pooled = await startPgBouncer(url, ['pool_mode = transaction'])
    const { code, stderr } = await processes.run('src/server.ts', { DATABASE_URL: pooled, PORT: '0' }).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^Holdfast cannot start: DATABASE_URL leads through a pooler.*\n$/)
  })

  test("a start-up option of the URL's own that PgBouncer refuses ends the start with what to do", async () => {
    const { url } = await createOwnedDatabase()
    const pooled = await startPgBouncer(url)
    const env = { DATABASE_URL: `${pooled}?options=-c%20geqo%3Doff`, PORT: '0' }
    const { code, stderr } = await processes.run('src/server.ts', env).ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^Holdfast cannot start: unsupported startup parameter: options\. Name it in its ignore_.*\n$/,
    )
  })

  test('a start waits for the server behind PgBouncer as it would for the server', async () => {
    const { url } = await createOwnedDatabase()
    const away = new URL(url)
    away.port = '1'
    const pooled = await startPgBouncer(away.href, ['server_login_retry = 1'])
    const waiting = processes.run('src/server.ts', { DATABASE_URL: pooled, PORT: '0' })
    await eventually(() => waiting.stdout().includes('start waits for it'))
    // PgBouncer takes the connection each time: that is not the database
    await sleep(4_000)
    expect(waiting.stdout().match(/start waits for it/g)).toHaveLength(1)
    expect(waiting.stdout()).not.toContain('database reached')
    expect(await waiting.end('SIGTERM')).toMatchObject({ code: 0, stderr: '' })
  })
})

/** Transactions of so many clients at once, which leave as many connections to the server behind. */
async function openConnections(url: string, count: number): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: Math.max(count, 1) })
  const clients = await Promise.all(Array.from({ length: count }, () => pool.connect()))
  // each at its statement at the same time, so that none gets another's; a pooler by statement takes no `begin`
  await Promise.all(clients.map((client) => client.query('select pg_sleep(0.5)')))
  for (const client of clients) client.release()
  await pool.end()
}
