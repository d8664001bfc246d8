import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { type DatabaseUrlError, readDatabaseUrl } from './database/database-url.ts'
import { redact } from './observability/logs/redact.ts'
import { findMisspelt } from './start/misspelt-variables.ts'

/** Everything that the environment decides, parsed once, when an entry point starts. */
export type Config = ReturnType<typeof readConfig>

/** The environment is wrong. The message names every variable that is, what it was and what it may be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

/** As many bytes as the digest of HS256: a shorter secret is easier to guess than the signature (RFC 7518, 3.2). */
const SECRET_LENGTH_MIN_BYTES = 32

const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '::1']
/** As OpenTelemetry specifies them for OTEL_TRACES_SAMPLER. */
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']

/** What is wrong with these is said without showing them: a URL of a database holds its password. */
const SECRETS = /SECRET|DATABASE_URL|REDIS_URL/

const port = whole(0, 65_535)

const SUPPLIER_URL_FORM =
  'simulated, or a URL that begins with http:// or https:// and has no credentials, query or fragment'

const variables = z.object({
  NODE_ENV: z.string().optional(),
  DATABASE_URL: z
    .string()
    .superRefine((url, context) => {
      try {
        readDatabaseUrl(url)
      } catch (error) {
        context.addIssue((error as DatabaseUrlError).message)
      }
    })
    .optional(),
  DATA_DIR: z.string().min(1, 'the path of a folder').default('.data'),
  HOST: z.string().default('127.0.0.1'),
  PORT: port.default(4000),
  ROLE: z.enum(['all', 'api', 'worker'], 'all, api or worker').default('all'),
  WORKER_CONCURRENCY: whole(1, 1_000).default(1_000),
  SUPPLIER_URL: z.string().refine(isSupplierUrl, SUPPLIER_URL_FORM).optional(),
  SUPPLIER_PRIVATE_ADDRESSES: z.enum(['allow', 'refuse'], 'allow or refuse').optional(),
  SUPPLIER_TIMEOUT_MS: whole(1, 600_000).default(5_000),
  SUPPLIER_RECHECK_DELAY_MS: whole(0, 86_400_000).default(15_000),
  SUPPLIER_RECHECK_LIMIT: whole(0, 1_000).default(2),
  SUPPLIER_RECHECK_FACTOR: z.coerce
    .number('a number from 1 to 10')
    .min(1, 'a number from 1 to 10')
    .max(10, 'a number from 1 to 10')
    .default(1),
  SUPPLIER_MAX_ATTEMPTS: whole(1, 100).default(8),
  SUPPLIER_RETRY_BASE_MS: whole(1, 60_000).default(1_000),
  AUTH_JWT_SECRET: z
    .string()
    .refine(
      (secret) => Buffer.byteLength(secret) >= SECRET_LENGTH_MIN_BYTES,
      `at least ${SECRET_LENGTH_MIN_BYTES} bytes, such as \`openssl rand -base64 32\` makes`,
    )
    .optional(),
  AUTH_JWKS_URL: z
    .string()
    .refine(isJwksUrl, 'a URL that begins with https://, or http:// on this machine')
    .optional(),
  AUTH_ISSUER: z.string().optional(),
  AUTH_AUDIENCE: z.string().optional(),
  CREATE_ORDER_RATE_LIMIT: wholeOrOff(1, 1_000_000).optional(),
  REDIS_URL: z
    .string()
    .refine(
      (url) => /^rediss?:\/\//.test(url) && URL.canParse(url),
      'a URL that begins with redis:// or rediss://',
    )
    .optional(),
  PERSISTED_DOCUMENTS: z.string().transform(readDocuments).optional(),
  RECONCILE_INTERVAL_MS: whole(1_000, 604_800_000).default(3_600_000),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .refine((origins) => origins.every(isOrigin), 'origins as https://shop.example, separated by commas')
    .default([]),
  EXPLORER: z.enum(['on', 'off'], 'on or off').optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, LOG_LEVELS.join(', ')).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: z
    .string()
    .refine(
      (url) => /^https?:\/\//.test(url) && URL.canParse(url),
      'a URL that begins with http:// or https://, as http://localhost:4318',
    )
    .optional(),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, SAMPLERS.join(', ')).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: z.coerce
    .number('a number from 0 to 1')
    .min(0, 'a number from 0 to 1')
    .max(1, 'a number from 0 to 1')
    .default(1),
})

/**
 * Reads the environment.
 *
 * @param env usually `process.env`; a variable that is set to nothing counts as not set
 * @throws {ConfigError} that names every wrong variable
 */
export function readConfig(env: Record<string, string | undefined>) {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  )
  const parsed = variables.safeParse(isTraced(set) ? set : withoutTraces(set))
  const problems = [
    ...(parsed.error?.issues ?? []).map(({ path: [name], message }) =>
      problem(String(name), set[String(name)], message),
    ),
    ...findConflicts(set),
    ...findMisspelt(set, Object.keys(variables.shape)).map(
      ({ name, meant }) =>
        `${name} is no variable of Holdfast; did you mean ${meant}? If it is another program's: env -u ${name} npm start`,
    ),
  ]
  if (!parsed.success || problems.length > 0) {
    throw new ConfigError(`Holdfast cannot start:\n${problems.map((text) => `  ${text}`).join('\n')}`)
  }
  const { data } = parsed
  const isProduction = data.NODE_ENV === 'production'
  return {
    databaseUrl: data.DATABASE_URL,
    dataDir: data.DATA_DIR,
    host: data.HOST,
    port: data.PORT,
    runsApi: data.ROLE !== 'worker',
    runsWorker: data.ROLE !== 'api',
    workerConcurrency: data.WORKER_CONCURRENCY,
    /** `simulated`: the server plays its own supplier. */
    supplierUrl: data.SUPPLIER_URL ?? 'simulated',
    /** Whether the supplier may be at a private or loopback address. */
    supplierMayBePrivate:
      (data.SUPPLIER_PRIVATE_ADDRESSES ?? (isProduction ? 'refuse' : 'allow')) === 'allow',
    supplierTimeoutMs: data.SUPPLIER_TIMEOUT_MS,
    supplierPolicy: {
      recheckDelayMs: data.SUPPLIER_RECHECK_DELAY_MS,
      recheckLimit: data.SUPPLIER_RECHECK_LIMIT,
      recheckFactor: data.SUPPLIER_RECHECK_FACTOR,
      attemptsMax: data.SUPPLIER_MAX_ATTEMPTS,
      retryBaseMs: data.SUPPLIER_RETRY_BASE_MS,
    },
    /** How callers are told apart; undefined where everyone on this machine may do everything. */
    auth: authOf(data),
    /** Orders a second for one caller; undefined where nobody is limited. */
    orderRateLimit:
      data.CREATE_ORDER_RATE_LIMIT === 'off'
        ? undefined
        : (data.CREATE_ORDER_RATE_LIMIT ?? orderRateLimitDefault(authOf(data) !== undefined)),
    redisUrl: data.REDIS_URL,
    /** The only documents that GraphQL runs, by their ids; undefined where it runs any. */
    persistedDocuments: data.PERSISTED_DOCUMENTS,
    reconcileIntervalMs: data.RECONCILE_INTERVAL_MS,
    /** Sites whose pages may call, besides this server's own. */
    corsOrigins: data.CORS_ORIGINS,
    /** Whether there are pages to try the APIs, and callers may ask for the schema. */
    explorer: (data.EXPLORER ?? (isProduction ? 'off' : 'on')) === 'on',
    logLevel: data.LOG_LEVEL,
    /** Whether the log is for machines, in a terminal as well. */
    isProduction,
    /** Which traces are recorded; undefined where nothing is traced. What else there is to say OpenTelemetry reads itself. */
    traces:
      data.OTEL_EXPORTER_OTLP_ENDPOINT === undefined
        ? undefined
        : { name: data.OTEL_TRACES_SAMPLER, ratio: data.OTEL_TRACES_SAMPLER_ARG },
    /** What no log may show. */
    secrets: [
      ...Object.entries(set).flatMap(([name, value = '']) =>
        name.includes('SECRET') ? [value] : passwordsOf(value),
      ),
      ...databasePasswords(data.DATABASE_URL),
    ],
  }
}

function isTraced({
  OTEL_EXPORTER_OTLP_ENDPOINT,
  OTEL_SDK_DISABLED,
}: Record<string, string | undefined>): boolean {
  return OTEL_EXPORTER_OTLP_ENDPOINT !== undefined && OTEL_SDK_DISABLED?.toLowerCase() !== 'true'
}

/** Where nothing is traced these are of no concern: a machine may have them for other programs, in forms unknown here. */
function withoutTraces(set: Record<string, string | undefined>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(set).filter(([name]) => !name.startsWith('OTEL_')))
}

/** The password in a URL, as it stands there and as it is used; none where the text is no URL or has none. */
function passwordsOf(text: string): string[] {
  const { password = '' } = URL.parse(text) ?? {}
  if (password === '') return []
  try {
    return [password, decodeURIComponent(password)]
  } catch {
    return [password]
  }
}

/** The same, in the forms that no web URL has: with a socket for a host, or the password among the parameters. */
function databasePasswords(url: string | undefined): string[] {
  const { password } = url === undefined ? {} : readDatabaseUrl(url)
  return typeof password === 'string' && !passwordsOf(url!).includes(password)
    ? [password, encodeURIComponent(password)]
    : []
}

/** Without authentication all calls are one operator's, from this machine. */
function orderRateLimitDefault(isAuthenticated: boolean): number | undefined {
  return isAuthenticated ? 50 : undefined
}

/** What is wrong only together with another variable. */
function findConflicts(set: Record<string, string | undefined>): string[] {
  const problems: string[] = []
  if (set.NODE_ENV === 'production' && set.SUPPLIER_URL === undefined) {
    problems.push(
      problem(
        'SUPPLIER_URL',
        undefined,
        'the URL of the supplier: it has no default when NODE_ENV=production',
      ),
    )
  }
  const isAuthenticated = set.AUTH_JWT_SECRET !== undefined || set.AUTH_JWKS_URL !== undefined
  if (set.AUTH_JWT_SECRET !== undefined && set.AUTH_JWKS_URL !== undefined) {
    problems.push(
      problem('AUTH_JWKS_URL', set.AUTH_JWKS_URL, 'set where AUTH_JWT_SECRET is not: one of the two'),
    )
  }
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE']) {
    if (set.AUTH_JWKS_URL !== undefined && set[name] === undefined) {
      const why = 'AUTH_JWKS_URL needs it, since those keys sign for others as well'
      problems.push(
        problem(name, undefined, `what tokens say in "${name === 'AUTH_ISSUER' ? 'iss' : 'aud'}": ${why}`),
      )
    }
    if (!isAuthenticated && set[name] !== undefined) {
      problems.push(problem(name, set[name], 'set only with AUTH_JWT_SECRET or AUTH_JWKS_URL'))
    }
  }
  if (!isAuthenticated && set.HOST !== undefined && !LOOPBACK_HOSTS.includes(set.HOST)) {
    const hosts = `${LOOPBACK_HOSTS.join(', ')}, or any with AUTH_JWT_SECRET or AUTH_JWKS_URL`
    problems.push(problem('HOST', set.HOST, `${hosts}: without authentication only this machine may call`))
  }
  if (!isAuthenticated && set.NODE_ENV === 'production') {
    problems.push(
      problem(
        'AUTH_JWT_SECRET',
        undefined,
        'the secret of tokens; NODE_ENV=production needs it or AUTH_JWKS_URL',
      ),
    )
  }
  if ((set.ROLE === 'api' || set.ROLE === 'worker') && set.DATABASE_URL === undefined) {
    problems.push(
      problem('DATABASE_URL', undefined, `the database that all processes share: ROLE=${set.ROLE} needs one`),
    )
  }
  return problems
}

function problem(name: string, value: string | undefined, expected: string): string {
  if (value === undefined) return `${name} is not set; it may be ${expected}`
  const shown = SECRETS.test(name) ? 'something else' : redact(JSON.stringify(value))
  return `${name} is ${shown}; it may be ${expected}`
}

function wholeOrOff(min: number, max: number) {
  const number = whole(min, max)
  return z
    .string()
    .refine(
      (value) => value === 'off' || number.safeParse(value).success,
      `off, or a whole number from ${min} to ${max}`,
    )
    .transform((value) => (value === 'off' ? value : Number(value)))
}

function whole(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d+$/, expected)
    .transform(Number)
    .refine((value) => value >= min && value <= max, expected)
}

/** Keys that somebody on the way can replace let everyone in. */
function isJwksUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const { protocol, hostname } = new URL(value)
  return (
    protocol === 'https:' || (protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(hostname))
  )
}

function authOf(data: z.infer<typeof variables>) {
  const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: jwksUrl } = data
  const claims = { issuer: data.AUTH_ISSUER, audience: data.AUTH_AUDIENCE }
  if (secret !== undefined) return { secret, ...claims }
  return jwksUrl === undefined ? undefined : { jwksUrl, ...claims }
}

const documents = z.record(z.string().min(1), z.string().min(1))

function readDocuments(path: string, context: z.RefinementCtx): ReadonlyMap<string, string> {
  try {
    return new Map(Object.entries(documents.parse(JSON.parse(readFileSync(path, 'utf8')))))
  } catch {
    context.addIssue('the path of a JSON file that can be read: { "<id or hash>": "<GraphQL document>", … }')
    return z.NEVER
  }
}

function isOrigin(value: string): boolean {
  if (!/^https?:\/\/[^/?#@]+$/i.test(value)) return false
  return URL.canParse(value)
}

function isSupplierUrl(value: string): boolean {
  if (value === 'simulated') return true
  if (!/^https?:\/\//.test(value) || !URL.canParse(value)) return false
  const { username, password, search, hash } = new URL(value)
  return [username, password, search, hash].every((part) => part === '')
}

/** Reads the environment of this process, or says what is wrong with it and ends the process. */
export function readConfigOrExit(): Config {
  try {
    return readConfig(process.env)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    process.stderr.write(`${error.message}\n`)
    process.exit(1)
  }
}
