import { parseArgs } from 'node:util'
import { SignJWT } from 'jose'
import { ConfigError, readConfig } from './config/read-config.ts'
import { isCallerId, ROLES, type Role } from './domain/caller.ts'
import { outliveOutput } from './observability/logs/output.ts'

// `npm run token -- --sub alice --role customer --ttl 1h`: makes a token by AUTH_JWT_SECRET, to try things out with.

const USAGE = `npm run -s token -- --sub <id> --role ${ROLES.join('|')} [--ttl 1h]

--ttl is a whole number of seconds, minutes, hours or days: 90s, 15m, 1h, 7d. AUTH_JWT_SECRET must be set as for the
server; AUTH_ISSUER and AUTH_AUDIENCE go into the token where they are set.`

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const

async function main(): Promise<string> {
  const { AUTH_JWT_SECRET, AUTH_ISSUER, AUTH_AUDIENCE } = process.env
  const { auth } = readConfig({ AUTH_JWT_SECRET, AUTH_ISSUER, AUTH_AUDIENCE })
  if (!auth || !('secret' in auth))
    throw new ConfigError(
      'AUTH_JWT_SECRET is not set: a token is signed by the secret of the server that is to take it',
    )
  const { sub, role, ttl } = parseArguments()
  const token = new SignJWT({ role })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(sub)
    .setIssuedAt()
    .setExpirationTime(new Date(Date.now() + ttl * 1_000))
  if (auth.issuer) token.setIssuer(auth.issuer)
  if (auth.audience) token.setAudience(auth.audience)
  return token.sign(Buffer.from(auth.secret))
}

/** @throws {TypeError} as `parseArgs` does, for what it does not know */
function parseArguments(): { sub: string; role: Role; ttl: number } {
  const { sub, role, ttl } = parseArgs({
    options: { sub: { type: 'string' }, role: { type: 'string' }, ttl: { type: 'string', default: '1h' } },
  }).values
  const [, count, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(ttl) ?? []
  if (!isCallerId(sub)) throw new TypeError('--sub must be 1 to 255 characters on one line')
  if (!ROLES.includes(role as Role)) throw new TypeError(`--role must be ${ROLES.join(', ')}`)
  if (!count) throw new TypeError('--ttl must be like 90s, 15m, 1h or 7d')
  return { sub, role: role as Role, ttl: Number(count) * SECONDS[unit as keyof typeof SECONDS] }
}

outliveOutput()
try {
  process.stdout.write(`${await main()}\n`)
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof TypeError)) throw error
  process.stderr.write(`${error.message}\n\n${USAGE}\n`)
  process.exitCode = 1
}
