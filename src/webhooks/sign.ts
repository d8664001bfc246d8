import { createHmac } from 'node:crypto'

/**
 * Signs a message as Standard Webhooks 1.0.0 has it: HMAC-SHA256 of `<id>.<timestamp>.<body>`.
 *
 * @param keys each signs: for a day after a secret was replaced there are several
 * @param timestampS of this attempt, so that a receiver can refuse an old message that somebody sends again
 * @returns the header `webhook-signature`
 */
export function sign(
  keys: readonly Buffer[],
  { id, timestampS, body }: { id: string; timestampS: number; body: string },
): string {
  const signed = `${id}.${timestampS}.${body}`
  return keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ')
}
