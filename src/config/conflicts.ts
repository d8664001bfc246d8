import { redact } from '../observability/logs/redact.ts'

const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '::1']
/** What is wrong with these is said without showing them: a URL of a database holds its password. */
const SECRETS = /SECRET|DATABASE_URL|REDIS_URL/

/** What is wrong only together with another variable. */
export function findConflicts(set: Record<string, string | undefined>): string[] {
  const problems: string[] = []
  if (set.NODE_ENV === 'production' && set.SUPPLIER_URL === undefined) {
    problems.push(
      describeProblem(
        'SUPPLIER_URL',
        undefined,
        'the URL of the supplier: it has no default when NODE_ENV=production',
      ),
    )
  }
  const isAuthenticated = set.AUTH_JWT_SECRET !== undefined || set.AUTH_JWKS_URL !== undefined
  if (set.AUTH_JWT_SECRET !== undefined && set.AUTH_JWKS_URL !== undefined) {
    problems.push(
      describeProblem('AUTH_JWKS_URL', set.AUTH_JWKS_URL, 'set where AUTH_JWT_SECRET is not: one of the two'),
    )
  }
  for (const name of ['AUTH_ISSUER', 'AUTH_AUDIENCE']) {
    if (set.AUTH_JWKS_URL !== undefined && set[name] === undefined) {
      const why = 'AUTH_JWKS_URL needs it, since those keys sign for others as well'
      problems.push(
        describeProblem(
          name,
          undefined,
          `what tokens say in "${name === 'AUTH_ISSUER' ? 'iss' : 'aud'}": ${why}`,
        ),
      )
    }
    if (!isAuthenticated && set[name] !== undefined) {
      problems.push(describeProblem(name, set[name], 'set only with AUTH_JWT_SECRET or AUTH_JWKS_URL'))
    }
  }
  if (!isAuthenticated && set.HOST !== undefined && !LOOPBACK_HOSTS.includes(set.HOST)) {
    const hosts = `${LOOPBACK_HOSTS.join(', ')}, or any with AUTH_JWT_SECRET or AUTH_JWKS_URL`
    problems.push(
      describeProblem('HOST', set.HOST, `${hosts}: without authentication only this machine may call`),
    )
  }
  if (!isAuthenticated && set.NODE_ENV === 'production') {
    problems.push(
      describeProblem(
        'AUTH_JWT_SECRET',
        undefined,
        'the secret of tokens; NODE_ENV=production needs it or AUTH_JWKS_URL',
      ),
    )
  }
  if ((set.ROLE === 'api' || set.ROLE === 'worker') && set.DATABASE_URL === undefined) {
    problems.push(
      describeProblem(
        'DATABASE_URL',
        undefined,
        `the database that all processes share: ROLE=${set.ROLE} needs one`,
      ),
    )
  }
  return problems
}

/** What is wrong with a variable, with its value, and what it may be. */
export function describeProblem(name: string, value: string | undefined, expected: string): string {
  if (value === undefined) return `${name} is not set; it may be ${expected}`
  const shown = SECRETS.test(name) ? 'something else' : redact(JSON.stringify(value))
  return `${name} is ${shown}; it may be ${expected}`
}
