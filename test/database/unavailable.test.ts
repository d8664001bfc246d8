import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { QueueFullError } from '../../src/database/queue-full-error.ts'
import { isUnavailable } from '../../src/database/unavailable.ts'
import { PrismaClient } from '../../src/generated/prisma/client.ts'
import { createTestDatabase } from '../support/harness.ts'

const withCode = (code: string, message = 'it failed') => Object.assign(new Error(message), { code })

const wrapped = (originalCode: string) =>
  Object.assign(withCode('P2010'), { meta: { driverAdapterError: { cause: { originalCode } } } })

test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])('%s of a socket', (code) => {
  expect(isUnavailable(withCode(code))).toBe(true)
})

test.each(['25P03', '57P01', '57P02', '57P03', '08000', '08006', '08P01', '53300'])(
  'SQLSTATE %s',
  (sqlstate) => {
    expect(isUnavailable(withCode(sqlstate))).toBe(true)
    expect(isUnavailable(wrapped(sqlstate))).toBe(true)
  },
)

test.each(['P1001', 'P1002', 'P1008', 'P1017', 'P2024', 'P2037'])('%s of Prisma', (code) => {
  expect(isUnavailable(withCode(code))).toBe(true)
})

test.each([
  'Connection terminated',
  'Connection terminated unexpectedly',
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Cannot use a pool after calling end on the pool',
])('"%s"', (message) => {
  expect(isUnavailable(new Error(message))).toBe(true)
})

test('a full queue', () => {
  expect(isUnavailable(new QueueFullError('full'))).toBe(true)
})

test.each([
  ['a unique violation', withCode('23505')],
  ['a deadlock', withCode('40P01')],
  ['a statement that was cancelled', withCode('57014')],
  ['a full disk', withCode('53100')],
  ['an error that quotes a text', withCode('22P02', 'invalid input: "Connection terminated"')],
  ['a violation that Prisma wraps', wrapped('23505')],
  ['a missing row', withCode('P2025')],
  [
    'a missing file',
    Object.assign(withCode('ENOENT', "ENOENT: no such file, open 'x'"), { syscall: 'open' }),
  ],
  ['another error', new Error('it failed')],
  ['no error', undefined],
  ['null', null],
  ['a string', 'Connection terminated'],
  ['an object', { code: 'ECONNREFUSED' }],
])('is not said of %s', (_, error) => {
  expect(isUnavailable(error)).toBe(false)
})

describe('what pg and Prisma really throw', () => {
  const failuresOf = async (pool: pg.Pool) => {
    const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
    const failures = await Promise.allSettled([pool.query('select 1'), prisma.inventoryItem.findMany()])
    return failures.map((failure) => (failure.status === 'rejected' ? failure.reason : undefined))
  }

  test.each(['127.0.0.1', 'localhost', '/nowhere'])('with nobody at %s', async (host) => {
    const pool = new pg.Pool({ host, port: 1 })
    for (const error of await failuresOf(pool)) expect(isUnavailable(error)).toBe(true)
    await pool.end()
    for (const error of await failuresOf(pool)) expect(isUnavailable(error)).toBe(true)
  })

  test('with every connection taken', async () => {
    const { databaseUrl, drop } = await createTestDatabase()
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 1, connectionTimeoutMillis: 500 })
    const taken = await pool.connect()
    for (const error of await failuresOf(pool)) expect(isUnavailable(error)).toBe(true)
    taken.release()
    await pool.end()
    await drop()
  })

  test('where the server ends the connection', async () => {
    const { databaseUrl, drop } = await createTestDatabase()
    const pool = new pg.Pool({ connectionString: databaseUrl })
    pool.on('error', () => {})
    const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { onPoolError: () => {} }) })
    const end = 'select pg_terminate_backend(pg_backend_pid())'
    await expect(pool.query(end)).rejects.toSatisfy(isUnavailable)
    await expect(prisma.$queryRawUnsafe(end)).rejects.toSatisfy(isUnavailable)
    await pool.end()
    await drop()
  })
})
