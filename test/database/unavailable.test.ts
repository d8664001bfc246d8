import { PrismaPg } from '@prisma/adapter-pg'
import pg from 'pg'
import { describe, expect, test, vi } from 'vitest'
import { isRefusal, isUnavailable, QueueFullError } from '../../src/database/unavailable.ts'
import { PrismaClient } from '../../src/generated/prisma/client.ts'
import { createTestDatabase } from '../support/harness.ts'

const withCode = (code: string, message = 'it failed') => Object.assign(new Error(message), { code })

const wrapped = (originalCode: string) =>
  Object.assign(withCode('P2010'), { meta: { driverAdapterError: { cause: { originalCode } } } })

test.each(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'])('%s of a socket', (code) => {
  expect(isUnavailable(withCode(code))).toBe(true)
})

/** What the server says when it cannot do now what it can at other times. */
const NOT_NOW = [
  ...[
    '08000',
    '08001',
    '08003',
    '08004',
    '08006',
    '08007',
    '08P01',
    '0A000',
    '25006',
    '25P03',
    '25P04',
    '26000',
    '42P05',
  ],
  ...['40001', '40003', '40P01', '53000', '53100', '53200', '53300', '53400', '55000', '55006', '55P03'],
  ...[
    '57000',
    '57014',
    '57P01',
    '57P02',
    '57P03',
    '57P04',
    '57P05',
    '58000',
    '58030',
    '58P01',
    '72000',
    'F0000',
  ],
]
/** What it refuses us with. */
const REFUSED = ['28000', '28P01', '3D000', '3F000', '42501', '42703', '42704', '42883', '42P01']

test.each(NOT_NOW)('SQLSTATE %s', (sqlstate) => {
  for (const error of [
    withCode(sqlstate),
    wrapped(sqlstate),
    new Error('it failed', { cause: withCode(sqlstate) }),
  ]) {
    expect(isUnavailable(error)).toBe(true)
    expect(isRefusal(error)).toBe(false)
  }
})

test.each(REFUSED)('SQLSTATE %s, a refusal', (sqlstate) => {
  for (const error of [
    withCode(sqlstate),
    wrapped(sqlstate),
    new Error('it failed', { cause: withCode(sqlstate) }),
  ]) {
    expect(isUnavailable(error)).toBe(true)
    expect(isRefusal(error)).toBe(true)
  }
})

test.each([...NOT_NOW, ...REFUSED])('SQLSTATE %s as Prisma passes it on', async (sqlstate) => {
  const pool = new pg.Pool()
  vi.spyOn(pool, 'query').mockImplementation(() =>
    Promise.reject(
      Object.assign(new pg.DatabaseError('it failed', 1, 'error'), { severity: 'FEHLER', code: sqlstate }),
    ),
  )
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool) })
  await expect(prisma.inventoryItem.findMany()).rejects.toSatisfy(isUnavailable)
  await expect(prisma.$queryRawUnsafe('select 1')).rejects.toSatisfy(isUnavailable)
})

test.each([
  '22012',
  '22P02',
  '23505',
  '23503',
  '25P02',
  '40002',
  '42601',
  '42P07',
  '54000',
  'P0001',
  'XX000',
  'XX001',
])("SQLSTATE %s is somebody's fault", (sqlstate) => {
  expect(isUnavailable(withCode(sqlstate))).toBe(false)
  expect(isRefusal(withCode(sqlstate))).toBe(false)
})

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
