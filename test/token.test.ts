import { decodeJwt } from 'jose'
import { afterEach, expect, test } from 'vitest'
import { createAuthenticate } from '../src/http/access/create-authenticate.ts'
import { createLogger } from '../src/observability/logs/logger.ts'
import { type Env, Processes } from './support/server-process.ts'
import { SECRET } from './support/tokens.ts'

const processes = new Processes()
afterEach(() => processes.end())
const run = (args: string[], env: Env = { AUTH_JWT_SECRET: SECRET }) =>
  processes.run('src/token.ts', env, args).ended

test('makes a token that a server with the same settings takes', async () => {
  const claims = { AUTH_ISSUER: 'https://issuer.test', AUTH_AUDIENCE: 'holdfast' }
  const { code, stdout } = await run(['--sub', 'alice', '--role', 'customer', '--ttl', '2h'], {
    AUTH_JWT_SECRET: SECRET,
    ...claims,
  })
  expect(code).toBe(0)
  const settings = { secret: SECRET, issuer: claims.AUTH_ISSUER, audience: claims.AUTH_AUDIENCE }
  const caller = await createAuthenticate(settings, createLogger('silent'))(`Bearer ${stdout.trim()}`)
  expect(caller).toMatchObject({ id: 'alice', role: 'customer' })
  const { exp, iat } = decodeJwt(stdout.trim())
  expect(exp! - iat!).toBeCloseTo(7_200, -1)
})

test.each([
  ['a secret', ['--sub', 'a', '--role', 'service'], {}, 'AUTH_JWT_SECRET'],
  ['a role that there is', ['--sub', 'a', '--role', 'admin'], undefined, '--role must be'],
  ['a subject', ['--role', 'service'], undefined, '--sub must be'],
  ['a time', ['--sub', 'a', '--role', 'service', '--ttl', 'long'], undefined, '--ttl must be'],
  ['nothing that it does not know', ['--admin'], undefined, '--admin'],
])('asks for %s', async (_name, args, env, expected) => {
  const { code, stdout, stderr } = await run(args, env)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain(expected)
  expect(stderr).toContain('npm run -s token')
})
