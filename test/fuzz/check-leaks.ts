import type { Answer } from './send.ts'

/** What tells of the inside: of the database, of code, of files. No call that is generated has any of it. */
const INSIDE = [
  /postgres/i,
  /prisma/i,
  /pothos/i,
  /\bpg_|\bpg\b/,
  /graphile/i,
  // but for what graphql-js says of subscriptions
  /\bselect\s+(?!only one top level field)[\w"*]/i,
  /\binsert into\b/i,
  /\bupdate\s+"?\w+"?\s+set\b/i,
  /\brelation\b|\bviolates\b|\bconstraint\b|\bdeadlock\b|\binvalid input syntax\b|\binvalid byte sequence\b/i,
  /node_modules|node:internal|\bfile:\/\//,
  /\.(?:ts|js|mjs|cjs|sql)\b/,
  /\bat (?:async )?[\w$.<>[\] ]+ \(|:\d+:\d+\)/,
  /(?<!Syntax )Error:/,
  /\b(?:TypeError|RangeError|ReferenceError|AssertionError)\b|is not a function|cannot read propert/i,
  /\bE(?:CONN|PIPE|HOST|TIMEDOUT|AI_)\w*/,
  /\/tmp\/|\/home\/|\/usr\/|\/var\/|\/root\//,
  /\bFST_ERR|\bP\d{4}\b/,
]

/** What is wrong with an answer that must not tell of the inside, nor have any of the secrets in it. */
export function findLeaks({ headers, text }: Answer, secrets: readonly string[]): string[] {
  const told = [text, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`)].join('\n')
  return [
    ...INSIDE.filter((pattern) => pattern.test(told)).map((pattern) => `tells of the inside: ${pattern}`),
    ...secrets.filter((secret) => told.includes(secret)).map((secret) => `tells the secret ${secret}`),
  ]
}
