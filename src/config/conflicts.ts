import { redact } from '../observability/logs/redact.ts'

const LOOPBACK_HOSTS = ['127.0.0.1', 'localhost', '::1']
/** What is wrong with these is said without showing them: a URL of a database holds its password. */
const SECRETS = /SECRET|DATABASE_URL|REDIS_URL/

/** What is wrong only together with another variable. */
export function findConflicts(set: Record<string, string | undefined>): string[] {
  const isProduction = set.NODE_ENV === 'production'
  const hasSecret = set.AUTH_JWT_SECRET !== undefined
  const hasKeys = set.AUTH_JWKS_URL !== undefined
  const isAuthenticated = hasSecret || hasKeys
  const isLocal = set.HOST === undefined || LOOPBACK_HOSTS.includes(set.HOST)
  const isOneOfMany = set.ROLE === 'api' || set.ROLE === 'worker'
  const claimRules = [
    ['AUTH_ISSUER', 'iss'],
    ['AUTH_AUDIENCE', 'aud'],
  ].flatMap(([name, claim]): Rule[] => [
    [
      hasKeys && set[name!] === undefined,
      name!,
      `what tokens say in "${claim}": AUTH_JWKS_URL needs it, since those keys sign for others as well`,
    ],
    [!isAuthenticated && set[name!] !== undefined, name!, 'set only with AUTH_JWT_SECRET or AUTH_JWKS_URL'],
  ])
  const rules: Rule[] = [
    [
      isProduction && set.SUPPLIER_URL === undefined,
      'SUPPLIER_URL',
      'the URL of the supplier: it has no default when NODE_ENV=production',
    ],
    [hasSecret && hasKeys, 'AUTH_JWKS_URL', 'set where AUTH_JWT_SECRET is not: one of the two'],
    ...claimRules,
    [
      !isAuthenticated && !isLocal,
      'HOST',
      `${LOOPBACK_HOSTS.join(', ')}, or any with AUTH_JWT_SECRET or AUTH_JWKS_URL: without authentication only this machine may call`,
    ],
    [
      !isAuthenticated && isProduction,
      'AUTH_JWT_SECRET',
      'the secret of tokens; NODE_ENV=production needs it or AUTH_JWKS_URL',
    ],
    [
      isOneOfMany && set.DATABASE_URL === undefined,
      'DATABASE_URL',
      `the database that all processes share: ROLE=${set.ROLE} needs one`,
    ],
  ]
  return rules.flatMap(([isBroken, name, expected]) =>
    isBroken ? [describeProblem(name, set[name], expected)] : [],
  )
}

type Rule = [isBroken: boolean, name: string, expected: string]

/** What is wrong with a variable, with its value, and what it may be. */
export function describeProblem(name: string, value: string | undefined, expected: string): string {
  if (value === undefined) return `${name} is not set; it may be ${expected}`
  const shown = SECRETS.test(name) ? 'something else' : redact(JSON.stringify(value))
  return `${name} is ${shown}; it may be ${expected}`
}
