import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { userInfo } from 'node:os'
import { getCACertificates, type ConnectionOptions as TlsOptions } from 'node:tls'
import type pg from 'pg'

/** What a URL says of a connection: what pg takes, and the schema, where it names one. */
export type DatabaseTarget = pg.ClientConfig & { schema: string | undefined }

/** The URL is wrong. The message is what it may be, and shows nothing of it but names of parameters. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError'
}

const TLS_MODES = ['disable', 'require', 'verify-ca', 'verify-full', 'no-verify']
/** Holdfast writes: of what libpq knows, these can lead to a server that takes writes. */
const WRITABLE = ['any', 'read-write', 'primary', 'prefer-primary']

const HONOURED = [
  ...['user', 'password', 'host', 'hostaddr', 'port', 'dbname', 'schema', 'options', 'application_name'],
  ...['sslmode', 'ssl', 'sslrootcert', 'sslcert', 'sslkey', 'sslpassword', 'sslnegotiation'],
  ...['channel_binding', 'connect_timeout', 'keepalives', 'keepalives_idle', 'target_session_attrs'],
]
/** Known to libpq, Prisma or pg, and without a meaning here: Holdfast sets these by itself, or Node has no such thing. */
const IGNORED = [
  ...['client_encoding', 'fallback_application_name', 'keepalives_interval', 'keepalives_count'],
  ...['tcp_user_timeout', 'sslcompression', 'sslsni', 'gssencmode', 'krbsrvname', 'load_balance_hosts'],
  ...['connection_limit', 'pool_timeout', 'socket_timeout', 'pgbouncer', 'statement_cache_size'],
  ...['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'query_timeout'],
  'uselibpqcompat',
]

/**
 * Reads DATABASE_URL as libpq does: Unix sockets in each of its forms, TLS by `sslmode`. An unknown parameter is an
 * error, or a misspelt `sslmode` would be a connection in the clear. https://www.postgresql.org/docs/current/libpq-connect.html
 *
 * @throws {DatabaseUrlError}
 */
export function readDatabaseUrl(text: string): DatabaseTarget {
  const url = parse(text.trim())
  const parameters = Object.fromEntries(url.searchParams)
  const unknown = Object.keys(parameters).find((name) => ![...HONOURED, ...IGNORED].includes(name))
  if (unknown !== undefined)
    throw new DatabaseUrlError(`a URL without the parameter "${unknown}", which Holdfast does not know`)
  if (parameters.schema?.includes('"'))
    throw new DatabaseUrlError('a URL whose schema has no double quote in its name')
  if (!WRITABLE.includes(parameters.target_session_attrs ?? 'any'))
    throw new DatabaseUrlError(
      `a URL of a server that takes writes: target_session_attrs ${WRITABLE.join(', ')}`,
    )

  const name = parameters.host || decode(url.hostname).replace(/^\[(.+)\]$/, '$1')
  const host = parameters.hostaddr || name
  const port = Number(parameters.port || url.port || 5432)
  if (!(Number.isInteger(port) && port > 0 && port < 65_536))
    throw new DatabaseUrlError('a URL whose port is a number from 1 to 65535')
  if (host.includes(',')) throw severalHosts()
  const user = parameters.user || decode(url.username) || userInfo().username
  const ssl = host.startsWith('/') ? false : readTls(parameters)
  // the address only leads there: the certificate is that of the name
  if (ssl && parameters.hostaddr && isIP(name) === 0) ssl.servername = name
  return {
    host: host || 'localhost',
    port,
    user,
    // pg reads PGPASSWORD and the password file where this is empty
    password: parameters.password || decode(url.password) || undefined,
    database: parameters.dbname || decode(url.pathname.slice(1)) || user,
    ssl,
    schema: parameters.schema || undefined,
    ...(parameters.options && { options: parameters.options }),
    ...(parameters.application_name && { application_name: parameters.application_name }),
    // said also where it is the default: pg would ask PGSSLNEGOTIATION
    sslnegotiation: ssl && parameters.sslnegotiation === 'direct' ? 'direct' : 'postgres',
    ...(ssl && /^(prefer|require)$/.test(parameters.channel_binding ?? '') && { enableChannelBinding: true }),
    ...(Number(parameters.connect_timeout) > 0 && {
      connectionTimeoutMillis: Number(parameters.connect_timeout) * 1_000,
    }),
    ...(parameters.keepalives === '0' && { keepAlive: false }),
    ...(Number(parameters.keepalives_idle) > 0 && {
      keepAliveInitialDelayMillis: Number(parameters.keepalives_idle) * 1_000,
    }),
  }
}

function parse(text: string): URL {
  if (!/^postgres(ql)?:\/\//i.test(text)) throw new DatabaseUrlError('a URL that begins with postgres://')
  // a half-written % is somebody's password as it is
  if (/%(?![0-9a-f]{2})/i.test(text)) throw notEncoded()
  const [authority] = /(?<=:\/\/)[^/?#]*/.exec(text)!
  if (/,/.test(authority.slice(authority.lastIndexOf('@') + 1))) throw severalHosts()
  // URLs of the web have a host where there is a user; for libpq none is the socket
  const url = URL.parse(authority.endsWith('@') ? text.replace('@', '@localhost') : text)
  // the password's own # / or ? ends the host, and what was to be the host comes behind
  const rest = url && url.username === '' && url.hostname !== '' ? url.pathname + url.search : ''
  if (url?.hash !== '' || rest.includes('@')) throw notEncoded()
  return url
}

/** As libpq has it, but that without `sslmode` there is no TLS: pg does not try both. */
function readTls({ sslmode, ssl, ...files }: Record<string, string>): TlsOptions | false {
  const mode = sslmode ?? modeOf(ssl)
  if (!TLS_MODES.includes(mode)) {
    throw new DatabaseUrlError(
      `a URL whose sslmode is ${TLS_MODES.join(', ')}: with or without TLS, not either`,
    )
  }
  if (mode === 'disable') return false
  const { sslrootcert, sslcert, sslkey, sslpassword } = files
  if (mode === 'verify-ca' && !sslrootcert)
    throw new DatabaseUrlError(
      'a URL with sslrootcert, the certificate to verify by, beside sslmode=verify-ca',
    )
  const isVerified = mode.startsWith('verify') || (mode === 'require' && sslrootcert !== undefined)
  return {
    rejectUnauthorized: isVerified,
    ...(isVerified &&
      mode !== 'verify-full' &&
      sslrootcert !== 'system' && { checkServerIdentity: () => undefined }),
    ...(sslrootcert && {
      ca:
        sslrootcert === 'system'
          ? [...getCACertificates('default'), ...getCACertificates('system')]
          : read('sslrootcert', sslrootcert),
    }),
    ...(sslcert && { cert: read('sslcert', sslcert) }),
    ...(sslkey && { key: read('sslkey', sslkey) }),
    ...(sslpassword && { passphrase: sslpassword }),
  }
}

/** pg's own parameter `ssl`. */
function modeOf(ssl = '0'): string {
  return { 0: 'disable', false: 'disable', 1: 'verify-full', true: 'verify-full' }[ssl] ?? ssl
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new DatabaseUrlError(`a URL whose ${name} is a file that can be read: ${(cause as Error).message}`)
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw notEncoded()
  }
}

function notEncoded(): DatabaseUrlError {
  return new DatabaseUrlError(
    'a URL as postgres://user:password@host:5432/database. In user and password # / ? @ : % and spaces are percent-encoded: ' +
      '%23 %2F %3F %40 %3A %25 %20',
  )
}

function severalHosts(): DatabaseUrlError {
  return new DatabaseUrlError(
    'a URL with one host. For several servers, give the address that leads to the one that takes writes: ' +
      'of HAProxy, of PgBouncer, or a name or virtual address that moves with it',
  )
}
