import type { ExecutionResult } from 'graphql'

/** Whether a client takes the type whose status tells what became of an operation, as GraphQL over HTTP has it. */
export function asksForStatus(accept: string | null | undefined): boolean {
  return /graphql-response\+json/.test(accept ?? '')
}

/** Whether an operation was refused before anything of it ran. */
export function isRefusal(result: Pick<ExecutionResult, 'data' | 'errors'>): boolean {
  return result.errors !== undefined && !('data' in result)
}
