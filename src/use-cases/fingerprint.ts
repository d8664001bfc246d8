import { hash } from 'node:crypto'

/**
 * Returns the fingerprint of what a caller asks for under an idempotency key: a repeat has the same one, and the key with another
 * input has another. SHA-256 of the verb and the input as JSON.
 *
 * Fields count by name, not by place, and one that is null as if it were not there: an input that later gets more fields
 * keeps its fingerprint without them. The migration 0010_lines makes the same of older orders.
 *
 * @param input what the use-case works with, after defaults: `lines` where `sku` and `qty` were given, the customer that the
 * order is for
 */
export function fingerprintOf(verb: string, input: object): string {
  return hash('sha256', `${verb} ${JSON.stringify(input, withoutOrder)}`)
}

function withoutOrder(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const fields = Object.entries(value).filter(([, field]) => field !== null && field !== undefined)
  return Object.fromEntries(fields.sort(([one], [other]) => (one < other ? -1 : 1)))
}
