import { execFileSync } from 'node:child_process'
import { chmod, chown, cp, mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect } from '../../src/database/connections.ts'
import { migrate } from '../../src/database/migrate.ts'
import { UnfitDatabaseError } from '../../src/database/unavailable.ts'
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/embedded-postgres/embedded-postgres.ts'
import { STARTS_LIMIT_MS, startTwice } from '../support/every-call.ts'
import { Processes } from '../support/server-process.ts'

// A PostgreSQL whose certificate is of an issuer of our own, for the name localhost alone.

const processes = new Processes()
let folder: string
let server: EmbeddedPostgres
let issuer: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-tls-'))
  // PostgreSQL runs as another user where this is root
  await chmod(folder, 0o755)
  issuer = join(folder, 'issuer.pem')
  makeCertificates()
  const dataDir = join(folder, 'data')
  const first = await startEmbeddedPostgres({ dataDir })
  await first.stop()
  const cluster = join(dataDir, 'postgres')
  const { uid, gid } = await stat(cluster)
  for (const file of ['server.pem', 'server.key']) {
    await cp(join(folder, file), join(cluster, file))
    await chown(join(cluster, file), uid, gid)
    await chmod(join(cluster, file), 0o600)
  }
  server = await startEmbeddedPostgres({
    dataDir,
    settings: { ssl: 'on', ssl_cert_file: 'server.pem', ssl_key_file: 'server.key' },
  })
})
afterAll(async () => {
  await processes.end()
  await server?.stop()
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
})

test('every call works over TLS, with the certificate verified and nothing on the screen', {
  timeout: STARTS_LIMIT_MS,
}, async () => {
  await startTwice(processes, {
    DATABASE_URL: urlOf(`sslmode=verify-full&sslrootcert=${issuer}`, 'localhost'),
  })
})

const SELF_MADE = /Name the certificate of its issuer by sslrootcert/
const ANOTHER_NAME = /altnames.*Connect by a name that the certificate has/

test.each([
  ['', '127.0.0.1', false],
  ['sslmode=disable', '127.0.0.1', false],
  ['sslmode=require', '127.0.0.1', true],
  ['sslmode=no-verify', '127.0.0.1', true],
  ['sslmode=require&channel_binding=require', '127.0.0.1', true],
  ['sslmode=require&sslnegotiation=direct', '127.0.0.1', true],
  // a name that the certificate does not have is of no concern to these
  ['sslmode=require&sslrootcert=ISSUER', '127.0.0.1', true],
  ['sslmode=verify-ca&sslrootcert=ISSUER', '127.0.0.1', true],
  ['sslmode=verify-full&sslrootcert=ISSUER', 'localhost', true],
  ['sslmode=verify-full&sslrootcert=ISSUER', '127.0.0.1', ANOTHER_NAME],
  // the address only leads there
  ['sslmode=verify-full&sslrootcert=ISSUER&hostaddr=127.0.0.1', 'localhost', true],
  ['sslmode=verify-full&sslrootcert=ISSUER&hostaddr=127.0.0.1', 'db.example', ANOTHER_NAME],
  ['sslmode=verify-full', 'localhost', SELF_MADE],
  ['ssl=true', 'localhost', SELF_MADE],
  ['sslmode=verify-full&sslrootcert=system', 'localhost', SELF_MADE],
  ['sslmode=verify-ca&sslrootcert=OTHER', 'localhost', SELF_MADE],
  ['sslmode=require&sslrootcert=OTHER', 'localhost', SELF_MADE],
] as const)('%s at %s', async (query, host, expected) => {
  const url = urlOf(query.replace('ISSUER', issuer).replace('OTHER', join(folder, 'other.pem')), host)
  if (typeof expected === 'boolean') {
    const client = await connect(url, { application_name: 'holdfast' }, () => {})
    const { rows } = await client.query('select ssl from pg_stat_ssl where pid = pg_backend_pid()')
    await client.end()
    expect(rows).toEqual([{ ssl: expected }])
  } else {
    const error = await migrate(url).catch((error) => error)
    expect(error).toBeInstanceOf(UnfitDatabaseError)
    expect(error.message).toMatch(expected)
  }
})

test('a server without TLS says so', async () => {
  const dataDir = join(folder, 'plain')
  const plain = await startEmbeddedPostgres({ dataDir })
  await expect(migrate(`${plain.url}?sslmode=require`)).rejects.toThrow(
    'The server does not support SSL connections. Set ssl = on there, or take sslmode out of DATABASE_URL.',
  )
  await plain.stop()
})

function urlOf(query: string, host: string): string {
  const url = new URL(server.url)
  url.hostname = host
  url.search = query
  return url.href
}

function makeCertificates(): void {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' })
  const key = ['-newkey', 'rsa:2048', '-nodes', '-days', '2']
  for (const name of ['issuer', 'other'])
    openssl('req', '-x509', ...key, '-keyout', `${name}.key`, '-out', `${name}.pem`, '-subj', `/CN=${name}`)
  openssl(
    ...['req', '-x509', ...key, '-keyout', 'server.key', '-out', 'server.pem', '-subj', '/CN=localhost'],
    ...['-CA', 'issuer.pem', '-CAkey', 'issuer.key', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-addext', 'basicConstraints=critical,CA:FALSE'],
  )
}
