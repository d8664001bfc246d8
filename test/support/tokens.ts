import { SignJWT } from 'jose'
import type { Role } from '../../src/domain/caller.ts'
import type { AuthSettings } from '../../src/http/access/create-authenticate.ts'

export const SECRET = 'a secret that nobody but the tests has'

/** Authentication by a secret, for a server of the tests. */
export const bySecret: AuthSettings = { secret: SECRET, issuer: undefined, audience: undefined }

/** A token that `bySecret` takes, for longer than a file of tests runs on a slow machine. */
export function mint(
  sub: string,
  role: Role,
  expiresAt: Date = new Date(Date.now() + 3_600_000),
): Promise<string> {
  const token = new SignJWT({ role }).setProtectedHeader({ alg: 'HS256' }).setSubject(sub)
  return token.setExpirationTime(expiresAt).sign(Buffer.from(SECRET))
}

/** The Authorization header of a token that `bySecret` takes. */
export async function authorizationOf(sub: string, role: Role, expiresAt?: Date): Promise<string> {
  return `Bearer ${await mint(sub, role, expiresAt)}`
}
