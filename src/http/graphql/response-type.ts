import type { ExecutionResult } from 'graphql'
import { RETRY_AFTER_S } from '../../limits.ts'

export const JSON_RESPONSE_TYPE = 'application/json; charset=utf-8'
/** Of answers whose status tells what became of the operation. */
export const RESPONSE_TYPE = 'application/graphql-response+json; charset=utf-8'

type Result = Pick<ExecutionResult, 'data' | 'errors'>

/** Whether a client takes the type whose status tells what became of an operation, as GraphQL over HTTP has it. */
export function asksForStatus(accept: string | null | undefined): boolean {
  return /graphql-response\+json/.test(accept ?? '')
}

/**
 * The status of what became of an operation, and the headers that go with it; undefined where it is 200. It is 503 where
 * nothing came of it for want of the database or of time. For those who ask for a status that tells it is, where it was
 * refused before anything of it ran, 429 if it may come again later and else 400.
 */
export function statusOf(
  result: Result,
  accept: string | null | undefined,
): { status: number; headers: Record<string, string> } | undefined {
  if (isUnavailableResult(result)) return { status: 503, headers: { 'retry-after': RETRY_AFTER_S } }
  if (!asksForStatus(accept) || !isRefusal(result)) return undefined
  for (const { extensions } of result.errors ?? []) {
    if (extensions.code === 'RATE_LIMITED')
      return { status: 429, headers: { 'retry-after': String(extensions.retryAfter) } }
  }
  return { status: 400, headers: {} }
}

function isRefusal(result: Result): boolean {
  return result.errors !== undefined && !('data' in result)
}

/** Whether a call came to nothing because the database is away or there is too much to do. */
function isUnavailableResult({ data, errors }: Result): boolean {
  if (!errors?.some(({ extensions }) => extensions.code === 'UNAVAILABLE')) return false
  return Object.values(data ?? {}).every((field) => field === null)
}
