import { codedError } from './graphql-errors.ts'

/** What a caller reads who was refused for want of time. */
export const OVERLOADED = 'There is too much to do. Try again in a moment'

/** What GraphQL answers to a call that it does not run. */
export const UNAVAILABLE_RESULT = {
  errors: [codedError(OVERLOADED, 'UNAVAILABLE')],
}
