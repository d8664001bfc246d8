import type { z } from 'zod'
import { readDatabaseUrl } from '../database/database-url.ts'
import { describeProblem, findConflicts } from './conflicts.ts'
import { findMisspelt } from './misspelt-variables.ts'
import { variables } from './variables.ts'

/** Everything that the environment decides, parsed once, when an entry point starts. */
export type Config = ReturnType<typeof readConfig>

/** The environment is wrong. The message names every variable that is, what it was and what it may be. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
}

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
  const parsed = variables.safeParse(withoutIdleTraces(set))
  const problems = [
    ...(parsed.error?.issues ?? []).map(({ path: [name], message }) =>
      describeProblem(String(name), set[String(name)], message),
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
  const auth = authOf(data)
  return {
    databaseUrl: data.DATABASE_URL,
    dataDir: data.DATA_DIR,
    host: data.HOST,
    port: data.PORT,
    runsApi: data.ROLE !== 'worker',
    runsWorker: data.ROLE !== 'api',
    workerConcurrency: data.WORKER_CONCURRENCY,
    allocationStrategy: data.ALLOCATION_STRATEGY,
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
    webhooks: {
      /** They seal the secrets of webhooks, the first of them new ones; none where secrets are stored as they are. */
      secretKeys: data.WEBHOOK_SECRET_KEY ?? [],
      /** Whether receivers may be at private or loopback addresses. */
      mayBePrivate: data.WEBHOOK_PRIVATE_ADDRESSES === 'allow',
    },
    /** How callers are told apart; undefined where everyone on this machine may do everything. */
    auth,
    /** Orders a second for one caller; undefined where nobody is limited. */
    orderRateLimit:
      data.CREATE_ORDER_RATE_LIMIT === 'off'
        ? undefined
        : // without authentication all calls are one operator's, from this machine
          (data.CREATE_ORDER_RATE_LIMIT ?? (auth && 50)),
    redisUrl: data.REDIS_URL,
    /** The only documents that GraphQL runs, by their ids; undefined where it runs any. */
    persistedDocuments: data.PERSISTED_DOCUMENTS,
    reconcileIntervalMs: data.RECONCILE_INTERVAL_MS,
    corsOrigins: data.CORS_ORIGINS,
    /** Whether there are pages to try the APIs, and callers may ask for the schema. */
    explorer: (data.EXPLORER ?? (isProduction ? 'off' : 'on')) === 'on',
    /** Whether there is a console for operators, below /console. */
    servesConsole: data.CONSOLE === 'on',
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

/** Where nothing is traced OTEL_… is of no concern: a machine may have them for other programs, in forms unknown here. */
function withoutIdleTraces(set: Record<string, string | undefined>): Record<string, string | undefined> {
  const { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_SDK_DISABLED: disabled } = set
  if (endpoint !== undefined && disabled?.toLowerCase() !== 'true') return set
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

function authOf(data: z.infer<typeof variables>) {
  const { AUTH_JWT_SECRET: secret, AUTH_JWKS_URL: jwksUrl } = data
  const claims = { issuer: data.AUTH_ISSUER, audience: data.AUTH_AUDIENCE }
  if (secret !== undefined) return { secret, ...claims }
  return jwksUrl === undefined ? undefined : { jwksUrl, ...claims }
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
