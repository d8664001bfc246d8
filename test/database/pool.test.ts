import { PrismaPg } from '@prisma/adapter-pg'
import type pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startTcpProxy, type TcpProxy } from '../../chaos/tcp-proxy.ts'
import { connect, ServerPool } from '../../src/database/connections.ts'
import { isUnavailable } from '../../src/database/unavailable.ts'
import { PrismaClient } from '../../src/generated/prisma/client.ts'
import { createTestDatabase, eventually } from '../support/harness.ts'

const OPTIONS = { application_name: 'holdfast-test', max: 3, connectionTimeoutMillis: 2_000 }

let databaseUrl: string
let drop: () => Promise<void>
let proxy: TcpProxy
let pool: ServerPool

beforeEach(async () => {
  ;({ databaseUrl, drop } = await createTestDatabase())
  const url = new URL(databaseUrl)
  proxy = await startTcpProxy(Number(url.port || 5432), () => ({
    toServer: () => true,
    toClient: () => true,
  }))
  url.port = String(proxy.port)
  pool = new ServerPool(url.href, OPTIONS)
})
afterEach(async () => {
  pool.leaveServer()
  await pool.end()
  await proxy.close()
  await drop()
})

test('a connection may be released twice by whoever got it by a callback', async () => {
  await new Promise<void>((resolve, reject) => {
    pool.connect((error, _client, release) => {
      if (error) return reject(error)
      release()
      expect(() => release()).not.toThrow()
      resolve()
    })
  })
  expect(pool.idleCount).toBe(1)
})

test('a connection that a pool has ended before it was made may be released all the same', async () => {
  const ended = new ServerPool(databaseUrl, OPTIONS)
  await ended.end()
  await new Promise<void>((resolve) => {
    ended.connect((error, client, release) => {
      expect(error).toBeInstanceOf(Error)
      expect(client).toBeUndefined()
      expect(() => release()).not.toThrow()
      resolve()
    })
  })
})

test('statements may be sent before the last is answered, also right after plans were discarded', async () => {
  const warnings: string[] = []
  const note = ({ name, message }: Error) => name === 'DeprecationWarning' && warnings.push(message)
  process.on('warning', note)
  // plans are discarded at the 50th use
  for (let uses = 1; uses <= 50; uses++) await pool.query('select 1')
  const client = await pool.connect()
  await Promise.all([client.query('listen here'), client.query('unlisten here')])
  client.release()
  // a warning is told in the next turn
  await new Promise(setImmediate)
  process.off('warning', note)
  expect(warnings).toEqual([])
})

test('leaving a server breaks what is under way, in a transaction too, and what is idle; the next connections are new', async () => {
  const client = await pool.connect()
  const before = await pidOf(client)
  const idle = await pidOf(pool)
  proxy.stall(true)
  const underWay = [client.query('select 1'), pool.query('select 1')]
  const settled = Promise.allSettled(underWay)
  proxy.freezeOpen()
  pool.leaveServer()
  for (const result of await settled)
    expect(isUnavailable((result as PromiseRejectedResult).reason)).toBe(true)
  client.release(true)
  await eventually(() => pool.totalCount === 0)
  expect([before, idle]).not.toContain(await pidOf(pool))
})

test('all connections are left with the first that finds the server read-only', async () => {
  const client = await pool.connect()
  await pidOf(pool)
  await pool.query('set default_transaction_read_only = on')
  await expect(pool.query('create table written ()')).rejects.toMatchObject({ code: '25006' })
  await expect(client.query('select 1')).rejects.toSatisfy(isUnavailable)
  client.release(true)
  await pool.query('create table written ()')
})

test('a connection to a server that is read-only is refused', async () => {
  const database = new URL(databaseUrl).pathname.slice(1)
  await pool.query(`alter database "${database}" set default_transaction_read_only = on`)
  pool.leaveServer()
  await eventually(() => pool.totalCount === 0)
  await expect(pool.query('select 1')).rejects.toMatchObject({ name: 'ReadOnlyServerError', code: '25006' })
  await expect(connect(databaseUrl, { application_name: 'holdfast-test' }, () => {})).rejects.toSatisfy(
    isUnavailable,
  )
})

test.each(['40001', '40P01'])(
  'a single statement is tried again after %s, by Prisma too, and three times at most',
  async (code) => {
    await pool.query(`create sequence tries`)
    await pool.query(`create function collide(until int) returns bool language plpgsql as
    $$ begin if nextval('tries') < until then raise exception 'collision' using errcode = '${code}'; end if; return true; end $$`)
    const again = () => pool.query('alter sequence tries restart')
    await pool.query('select collide(3)')
    await again()
    await expect(pool.query('select collide(4)')).rejects.toMatchObject({ code })
    await again()
    const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
    expect(await prisma.$queryRawUnsafe('select collide(3)')).toEqual([{ collide: true }])
  },
)

test('a statement that hears nothing is given up by its client, and one that takes too long by the server before', async () => {
  await expect(pool.query('select pg_sleep(30)')).rejects.toMatchObject({ code: '57014' })
  proxy.stall(true)
  await expect(pool.query('select 1')).rejects.toSatisfy(isUnavailable)
  proxy.freezeOpen()
  await pidOf(pool)
})

async function pidOf(on: Pick<pg.ClientBase, 'query'>): Promise<number> {
  return (await on.query('select pg_backend_pid() as pid')).rows[0].pid
}
