import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/config/read-config.ts'
import { readDatabaseUrl } from '../../src/database/database-url.ts'

test.each([
  [
    'postgres://u:p@db.example:6543/shop',
    { host: 'db.example', port: 6543, user: 'u', password: 'p', database: 'shop' },
  ],
  ['postgresql://u@db/', { host: 'db', port: 5432, user: 'u', password: undefined, database: 'u' }],
  ['postgres://u:p@[::1]:5433/shop', { host: '::1', port: 5433 }],
  ['postgres://u:p%23%2F%3F%40%25%3A%20x@db/shop', { password: 'p#/?@%: x', host: 'db' }],
  ['postgres://u:p@ss@db/shop', { password: 'p@ss', host: 'db' }],
  ['postgres://u@db/a%2Fb%23c', { database: 'a/b#c' }],
  [
    'postgresql:///shop?host=/var/run/postgresql',
    { host: '/var/run/postgresql', user: userInfo().username, database: 'shop' },
  ],
  ['postgresql://%2Fvar%2Frun%2Fpostgresql/shop', { host: '/var/run/postgresql', database: 'shop' }],
  ['postgresql://u:p@%2Ftmp:5433/shop', { host: '/tmp', port: 5433, user: 'u', password: 'p' }],
  ['postgres://user@/shop?host=/tmp&port=5433', { host: '/tmp', port: 5433, user: 'user', database: 'shop' }],
  ['postgres://user:p%40w@/shop?host=/tmp', { host: '/tmp', user: 'user', password: 'p@w' }],
  [
    'postgresql:///?host=/tmp&dbname=shop&user=me&password=pw',
    { host: '/tmp', user: 'me', password: 'pw', database: 'shop' },
  ],
  ['postgres://u@db/shop?hostaddr=10.0.0.7', { host: '10.0.0.7' }],
  ['postgres://u@db/shop?schema=Shop', { schema: 'Shop' }],
  [' POSTGRES://u@db/shop\n', { host: 'db', database: 'shop' }],
  [
    'postgres://u@db/shop?options=-c%20work_mem%3D8MB%20-csearch_path%3Dx',
    { options: '-c work_mem=8MB -csearch_path=x' },
  ],
  ['postgres://u@db/shop?options=-c work_mem=8MB', { options: '-c work_mem=8MB' }],
  [
    'postgres://u@db/shop?application_name=till&connect_timeout=7',
    { application_name: 'till', connectionTimeoutMillis: 7_000 },
  ],
  [
    'postgres://u@db/shop?keepalives=0&keepalives_idle=30',
    { keepAlive: false, keepAliveInitialDelayMillis: 30_000 },
  ],
  ['postgres://u@db/shop?target_session_attrs=read-write', { host: 'db' }],
  ['postgres://u@db/shop?sslmode=require&channel_binding=require', { enableChannelBinding: true }],
])('reads %s as libpq does', (url, expected) => {
  expect(readDatabaseUrl(url)).toMatchObject(expected)
})

describe('TLS', () => {
  const tlsOf = (query: string) => readDatabaseUrl(`postgres://u@db/shop?${query}`).ssl

  test('is as sslmode says', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const ca = join(folder, 'ca.pem')
    await writeFile(ca, 'the issuer')
    expect(tlsOf('')).toBe(false)
    expect(tlsOf('sslmode=disable')).toBe(false)
    expect(tlsOf('sslmode=require')).toEqual({ rejectUnauthorized: false })
    expect(tlsOf('sslmode=no-verify')).toEqual({ rejectUnauthorized: false })
    expect(tlsOf('sslmode=verify-full')).toEqual({ rejectUnauthorized: true })
    expect(tlsOf('ssl=true')).toEqual({ rejectUnauthorized: true })
    const verified = { rejectUnauthorized: true, ca: 'the issuer' }
    expect(tlsOf(`sslmode=verify-full&sslrootcert=${ca}`)).toEqual(verified)
    // with an issuer `require` is verify-ca, by libpq's rule: whatever the name in the certificate
    for (const mode of ['require', 'verify-ca']) {
      expect(tlsOf(`sslmode=${mode}&sslrootcert=${ca}`)).toEqual({
        ...verified,
        checkServerIdentity: expect.any(Function),
      })
    }
    expect(tlsOf('sslmode=require&sslrootcert=system')).toEqual({
      rejectUnauthorized: true,
      ca: expect.any(Array),
    })
  })

  test('is of no use on a socket of this machine, as libpq has it', () => {
    expect(readDatabaseUrl('postgres:///shop?host=/tmp&sslmode=verify-full').ssl).toBe(false)
  })

  test.each([
    ['sslmode=verify-ca', 'with sslrootcert'],
    ['sslmode=prefer', 'sslmode is disable, require, verify-ca, verify-full, no-verify'],
    ['sslmode=reqiure', 'sslmode is disable'],
    ['sslmode=require&sslrootcert=/nowhere/ca.pem', 'sslrootcert is a file that can be read: ENOENT'],
  ])('with %s is refused', (query, message) => {
    expect(() => tlsOf(query)).toThrow(message)
  })
})

describe('a URL that cannot be what was meant', () => {
  test.each([
    ['postgres://u:ss@db/shop?schema=a%22b', 'no double quote'],
    ['postgres://u:p#ss@db/shop', 'percent-encoded'],
    ['postgres://u:12#ss@db/shop', 'percent-encoded'],
    ['postgres://u:p/ss@db/shop', 'percent-encoded'],
    ['postgres://u:12/ss@db/shop', 'percent-encoded'],
    ['postgres://u:p?ss@db/shop', 'percent-encoded'],
    ['postgres://u:12?ss@db/shop', 'percent-encoded'],
    ['postgres://u:50%off@db/shop', 'percent-encoded'],
    ['postgres://u:ss%ff@db/shop', 'percent-encoded'],
    ['postgres://u:ss@one:5432,two:5432/shop', 'one host'],
    ['postgres://u:ss@one,two/shop', 'one host'],
    ['postgres://u:ss@/shop?host=one,two', 'one host'],
    ['postgres://u:ss@db/shop?sslmod=require', 'without the parameter "sslmod"'],
    ['postgres://u:ss@db/shop?service=mine', 'without the parameter "service"'],
    ['postgres://u:ss@db/shop?target_session_attrs=standby', 'takes writes'],
    ['postgres://u:ss@db/shop?port=none', 'port'],
    ['mysql://u:ss@db/shop', 'begins with postgres://'],
  ])('%s is refused with what it may be, and without the password', (url, message) => {
    let refusal = ''
    try {
      readConfig({ DATABASE_URL: url })
    } catch (error) {
      refusal = (error as Error).message
    }
    expect(refusal).toMatch(/^Holdfast cannot start:\n {2}DATABASE_URL is something else; it may be a URL/)
    expect(refusal).toContain(message)
    expect(refusal).not.toMatch(/p[^a]ss|12.ss|50%off|:ss|ss@/)
    expect(refusal.split('\n')).toHaveLength(2)
  })
})

test('the password is no secret to the log in any form of the URL', () => {
  const secretsOf = (DATABASE_URL: string) => readConfig({ DATABASE_URL }).secrets
  expect(secretsOf('postgres://u:s%23cret@/shop?host=/tmp')).toEqual(['s#cret', 's%23cret'])
  expect(secretsOf('postgres:///shop?host=/tmp&user=u&password=s%23cret')).toEqual(['s#cret', 's%23cret'])
})
