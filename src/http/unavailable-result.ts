import { type ExecutionResult, GraphQLError } from 'graphql'

const CODE = 'UNAVAILABLE'

/** What a caller reads who was refused for want of time. */
export const OVERLOADED = 'There is too much to do. Try again in a moment'

/** What GraphQL answers to a call that it does not run. */
export const UNAVAILABLE_RESULT = {
  errors: [new GraphQLError(OVERLOADED, { extensions: { code: CODE } })],
}

/** Whether a call came to nothing because the database is away or there is too much to do. */
export function isUnavailableResult({ data, errors }: Pick<ExecutionResult, 'data' | 'errors'>): boolean {
  if (!errors?.some(({ extensions }) => extensions.code === CODE)) return false
  return Object.values(data ?? {}).every((field) => field === null)
}
