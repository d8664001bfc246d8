import { readFileSync } from 'node:fs'
import { z } from 'zod'
import { type DatabaseUrlError, readDatabaseUrl } from '../database/database-url.ts'
import { ALLOCATION_STRATEGIES } from '../domain/stock/allocation.ts'

/** As many bytes as the digest of HS256: a shorter secret is easier to guess than the signature (RFC 7518, 3.2). */
const SECRET_LENGTH_MIN_BYTES = 32

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

const SUPPLIER_URL_FORM =
  'simulated, or a URL that begins with http:// or https:// and has no credentials, query or fragment'

/** Each variable of the environment: what it may be, and what it is where it is not set. */
export const variables = z.object({
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
  PORT: whole(0, 65_535).default(4000),
  ROLE: z.enum(['all', 'api', 'worker'], 'all, api or worker').default('all'),
  WORKER_CONCURRENCY: whole(1, 1_000).default(1_000),
  ALLOCATION_STRATEGY: z
    .enum(ALLOCATION_STRATEGIES, ALLOCATION_STRATEGIES.join(', '))
    .default('fewest-locations'),
  SUPPLIER_URL: z.string().refine(isSupplierUrl, SUPPLIER_URL_FORM).optional(),
  SUPPLIER_PRIVATE_ADDRESSES: z.enum(['allow', 'refuse'], 'allow or refuse').optional(),
  SUPPLIER_TIMEOUT_MS: whole(1, 600_000).default(5_000),
  SUPPLIER_RECHECK_DELAY_MS: whole(0, 86_400_000).default(15_000),
  SUPPLIER_RECHECK_LIMIT: whole(0, 1_000).default(2),
  SUPPLIER_RECHECK_FACTOR: between(1, 10).default(1),
  SUPPLIER_MAX_ATTEMPTS: whole(1, 100).default(8),
  SUPPLIER_RETRY_BASE_MS: whole(1, 60_000).default(1_000),
  WEBHOOK_SECRET_KEY: z.string().transform(readKeys).optional(),
  WEBHOOK_PRIVATE_ADDRESSES: z.enum(['allow', 'refuse'], 'allow or refuse').default('refuse'),
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
  REDIS_URL: url(/^rediss?:\/\//, 'a URL that begins with redis:// or rediss://').optional(),
  PERSISTED_DOCUMENTS: z.string().transform(readDocuments).optional(),
  RECONCILE_INTERVAL_MS: whole(1_000, 604_800_000).default(3_600_000),
  CORS_ORIGINS: z
    .string()
    .transform((list) => list.split(',').map((origin) => origin.trim()))
    .refine((origins) => origins.every(isOrigin), 'origins as https://shop.example, separated by commas')
    .default([]),
  EXPLORER: z.enum(['on', 'off'], 'on or off').optional(),
  CONSOLE: z.enum(['on', 'off'], 'on or off').default('on'),
  LOG_LEVEL: z.enum(LOG_LEVELS, LOG_LEVELS.join(', ')).default('info'),
  OTEL_EXPORTER_OTLP_ENDPOINT: url(
    /^https?:\/\//,
    'a URL that begins with http:// or https://, as http://localhost:4318',
  ).optional(),
  OTEL_TRACES_SAMPLER: z.enum(SAMPLERS, SAMPLERS.join(', ')).default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: between(0, 1).default(1),
})

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

function between(min: number, max: number) {
  const expected = `a number from ${min} to ${max}`
  return z.coerce.number(expected).min(min, expected).max(max, expected)
}

function url(form: RegExp, expected: string) {
  return z.string().refine((value) => form.test(value) && URL.canParse(value), expected)
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

/** Of AES-256. */
const KEY_SIZE_BYTES = 32

function readKeys(list: string, context: z.RefinementCtx): Buffer[] {
  const texts = list.split(',').map((text) => text.trim())
  const keys = texts.map((text) => Buffer.from(text, 'base64'))
  // Buffer.from skips what is no base64
  const isKey = (key: Buffer, index: number) =>
    key.byteLength === KEY_SIZE_BYTES && key.toString('base64') === texts[index]
  if (keys.every(isKey)) return keys
  context.addIssue(
    `${KEY_SIZE_BYTES} bytes in base64, such as \`openssl rand -base64 ${KEY_SIZE_BYTES}\` makes; several separated by commas, the newest first`,
  )
  return z.NEVER
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
