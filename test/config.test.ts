import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config/read-config.ts'

const errorOf = (env: Record<string, string>): string => {
  try {
    readConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.message
    throw error
  }
  return ''
}

const SECRET = 'a secret of some length, as it should be'
const jwks = {
  AUTH_JWKS_URL: 'https://keys.test/jwks',
  AUTH_ISSUER: 'https://keys.test',
  AUTH_AUDIENCE: 'holdfast',
}

describe('the configuration', () => {
  test('has the documented defaults', () => {
    expect(readConfig({})).toMatchObject({
      databaseUrl: undefined,
      dataDir: '.data',
      host: '127.0.0.1',
      port: 4000,
      runsApi: true,
      runsWorker: true,
      supplierUrl: 'simulated',
      allocationStrategy: 'fewest-locations',
      supplierTimeoutMs: 5_000,
      supplierPolicy: {
        recheckDelayMs: 15_000,
        recheckLimit: 2,
        recheckFactor: 1,
        attemptsMax: 8,
        retryBaseMs: 1_000,
      },
      reconcileIntervalMs: 3_600_000,
      logLevel: 'info',
      corsOrigins: [],
      explorer: true,
      servesConsole: true,
      supplierMayBePrivate: true,
    })
  })

  test.each([
    ['SUPPLIER_RECHEK_DELAY_MS', 'SUPPLIER_RECHECK_DELAY_MS'],
    ['SUPPLIER_TIMEOUT', 'SUPPLIER_TIMEOUT_MS'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
  ])('refuses %s, which was to be %s', (name, meant) => {
    expect(errorOf({ [name]: '1' })).toContain(`${name} is no variable of Holdfast; did you mean ${meant}?`)
  })

  test.each([
    ...[
      'AUTH0_AUDIENCE',
      'LOGLEVEL',
      'POST',
      'HOSTNAME',
      'TEST_DATABASE_URL',
      'XDG_DATA_DIRS',
      'WEB_CONCURRENCY',
    ],
    ...['SUPPLIER_SERVICE_HOST', 'SUPPLIER_PORT_8080_TCP_ADDR', 'OTEL_SERVICE_NAME', 'npm_package_name'],
  ])('leaves %s to other programs', (name) => {
    expect(errorOf({ [name]: '1' })).toBe('')
  })

  test('is stricter in production, unless asked', () => {
    const SUPPLIER_URL = 'https://supplier.example'
    const production = { NODE_ENV: 'production', SUPPLIER_URL, AUTH_JWT_SECRET: SECRET }
    expect(readConfig(production)).toMatchObject({
      explorer: false,
      // it shows nothing without a token
      servesConsole: true,
      supplierMayBePrivate: false,
      isProduction: true,
    })
    const asked = { ...production, EXPLORER: 'on', SUPPLIER_PRIVATE_ADDRESSES: 'allow' }
    expect(readConfig(asked)).toMatchObject({ explorer: true, supplierMayBePrivate: true })
    expect(readConfig({ ...production, CONSOLE: 'off' })).toMatchObject({ servesConsole: false })
  })

  test('traces where an endpoint says where to, as OpenTelemetry has its variables', () => {
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://localhost:4318'
    expect(readConfig({}).traces).toBeUndefined()
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: '' }).traces).toBeUndefined()
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }).traces).toBeUndefined()
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT }).traces).toEqual({
      name: 'parentbased_always_on',
      ratio: 1,
    })
    const unknown = { OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_TRACES_SAMPLER_ARG: 'endpoint=http://j' }
    expect(readConfig(unknown).traces).toBeUndefined()
    const disabled = { ...unknown, OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4317', OTEL_SDK_DISABLED: 'true' }
    expect(readConfig(disabled).traces).toBeUndefined()
    const some = { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' }
    expect(readConfig({ OTEL_EXPORTER_OTLP_ENDPOINT, ...some }).traces).toEqual({
      name: 'traceidratio',
      ratio: 0.25,
    })
  })

  test('takes sites for CORS as browsers name them', () => {
    const CORS_ORIGINS = 'https://shop.example, http://localhost:3000'
    expect(readConfig({ CORS_ORIGINS }).corsOrigins).toEqual([
      'https://shop.example',
      'http://localhost:3000',
    ])
  })

  test.each(['*', 'null', 'shop.example', 'https://shop.example/', 'https://a.b,', 'file://x'])(
    'refuses %j as a site for CORS: no browser names itself so, or any page would be one',
    (CORS_ORIGINS) => {
      expect(errorOf({ CORS_ORIGINS })).toContain('CORS_ORIGINS')
    },
  )

  test('names every wrong variable at once, with what it was and what it may be', () => {
    const message = errorOf({
      PORT: 'abc',
      ROLE: 'x',
      SUPPLIER_TIMEOUT_MS: '-1',
      SUPPLIER_URL: 'ftp://x',
      HOST: '0.0.0.0',
    })
    expect(message.split('\n')).toHaveLength(6)
    expect(message).toContain('PORT is "abc"; it may be a whole number from 0 to 65535')
    expect(message).toContain('ROLE is "x"; it may be all, api or worker')
    expect(message).toContain('SUPPLIER_TIMEOUT_MS is "-1"')
    expect(message).toContain('SUPPLIER_URL is "ftp://x"')
    expect(message).toContain('HOST is "0.0.0.0"')
  })

  test.each([
    ['a port out of range', { PORT: '65536' }, 'PORT'],
    ['a number that is none', { WORKER_CONCURRENCY: '1e3' }, 'WORKER_CONCURRENCY'],
    ['no supplier in production', { NODE_ENV: 'production' }, 'SUPPLIER_URL is not set'],
    ['a worker alone without a database', { ROLE: 'worker' }, 'DATABASE_URL is not set'],
    ['an API alone without a database', { ROLE: 'api' }, 'DATABASE_URL is not set'],
    ['any host without authentication', { HOST: '0.0.0.0' }, 'HOST is "0.0.0.0"'],
    ['production without authentication', { NODE_ENV: 'production' }, 'AUTH_JWT_SECRET is not set'],
    [
      'a secret that can be guessed',
      { AUTH_JWT_SECRET: 'x'.repeat(31) },
      'AUTH_JWT_SECRET is something else',
    ],
    ['a secret and a JWKS URL at once', { AUTH_JWT_SECRET: SECRET, ...jwks }, 'AUTH_JWKS_URL is "https'],
    ['a JWKS URL without an issuer', { ...jwks, AUTH_ISSUER: '' }, 'AUTH_ISSUER is not set'],
    ['a JWKS URL without an audience', { ...jwks, AUTH_AUDIENCE: '' }, 'AUTH_AUDIENCE is not set'],
    ['a JWKS URL that is none', { ...jwks, AUTH_JWKS_URL: 'keys' }, 'AUTH_JWKS_URL is "keys"'],
    [
      'keys that anyone on the way can replace',
      { ...jwks, AUTH_JWKS_URL: 'http://keys.test' },
      'AUTH_JWKS_URL is "http://keys.test"',
    ],
    ['an issuer of no tokens', { AUTH_ISSUER: 'x' }, 'AUTH_ISSUER is "x"'],
    ['an audience of no tokens', { AUTH_AUDIENCE: 'x' }, 'AUTH_AUDIENCE is "x"'],
    ['a rate of no orders', { CREATE_ORDER_RATE_LIMIT: '0' }, 'off, or a whole number from 1 to 1000000'],
    ['a Redis by HTTP', { REDIS_URL: 'http://user:secret@redis' }, 'REDIS_URL is something else'],
    [
      'persisted documents that are not there',
      { PERSISTED_DOCUMENTS: '/nowhere.json' },
      'the path of a JSON file',
    ],
    ['persisted documents that are none', { PERSISTED_DOCUMENTS: 'package.json' }, 'the path of a JSON file'],
    ['a re-check that comes ever sooner', { SUPPLIER_RECHECK_FACTOR: '0.5' }, 'SUPPLIER_RECHECK_FACTOR'],
  ])('refuses %s', (_name, env, expected) => {
    expect(errorOf(env as unknown as Record<string, string>)).toContain(expected)
  })

  test('takes any host, and production, with authentication', () => {
    const env = { HOST: '0.0.0.0', NODE_ENV: 'production', SUPPLIER_URL: 'https://supplier.test' }
    expect(readConfig({ ...env, AUTH_JWT_SECRET: SECRET })).toMatchObject({
      host: '0.0.0.0',
      auth: { secret: SECRET, issuer: undefined, audience: undefined },
    })
    expect(readConfig({ ...env, ...jwks }).auth).toEqual({
      jwksUrl: 'https://keys.test/jwks',
      issuer: 'https://keys.test',
      audience: 'holdfast',
    })
    const onThisMachine = { ...jwks, AUTH_JWKS_URL: 'http://127.0.0.1:8080/jwks' }
    expect(readConfig(onThisMachine).auth).toMatchObject({ jwksUrl: 'http://127.0.0.1:8080/jwks' })
  })

  test('says what no log may show: secrets, and the passwords in URLs, as they stand there and as they are used', () => {
    const env = {
      AUTH_JWT_SECRET: SECRET,
      DATABASE_URL: 'postgres://holdfast:p%40ss%2Fword@db/holdfast',
      REDIS_URL: 'redis://:p%c3ss@cache',
      SUPPLIER_URL: 'https://supplier.test',
    }
    expect(readConfig(env).secrets).toEqual([SECRET, 'p%40ss%2Fword', 'p@ss/word', 'p%c3ss'])
  })

  test('does not show a secret', () => {
    expect(errorOf({ AUTH_JWT_SECRET: 'short-secret' })).not.toContain('short-secret')
    expect(errorOf({ AUTH_JWT_SECRET: SECRET, ...jwks })).not.toContain(SECRET)
  })

  test('names what is wrong only together with another variable beside the rest', () => {
    const message = errorOf({ PORT: '99999', ROLE: 'api' })
    expect(message).toContain('PORT is "99999"')
    expect(message).toContain('DATABASE_URL is not set')
  })

  test('does not show a password that stands in a wrong URL', () => {
    const message = errorOf({ DATABASE_URL: 'mysql://root:secret@db/x' })
    expect(message).toContain('DATABASE_URL')
    expect(message).not.toContain('secret')
    const supplier = errorOf({ SUPPLIER_URL: 'https://holdfast:s3cret@supplier.example' })
    expect(supplier).toContain('SUPPLIER_URL is "https://holdfast:[hidden]@supplier.example"')
  })

  test.each([
    [undefined, {}],
    [50, { AUTH_JWT_SECRET: SECRET }],
    [50, jwks],
    [7, { CREATE_ORDER_RATE_LIMIT: '7' }],
    [undefined, { CREATE_ORDER_RATE_LIMIT: 'off', AUTH_JWT_SECRET: SECRET }],
  ])('lets a caller place %s orders a second with %j', (limit, env) => {
    expect(readConfig(env as unknown as Record<string, string>).orderRateLimit).toBe(limit)
  })

  test('reads the persisted documents', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-config-'))
    onTestFinished(() => rm(folder, { recursive: true }))
    const path = join(folder, 'documents.json')
    await writeFile(path, '{ "typename": "{ __typename }" }')
    const { persistedDocuments } = readConfig({ PERSISTED_DOCUMENTS: path })
    expect(persistedDocuments).toEqual(new Map([['typename', '{ __typename }']]))
    expect(readConfig({}).persistedDocuments).toBeUndefined()
  })

  test('takes a variable that is set to nothing as not set', () => {
    expect(readConfig({ PORT: '', DATABASE_URL: '' })).toMatchObject({ port: 4000, databaseUrl: undefined })
  })
})
