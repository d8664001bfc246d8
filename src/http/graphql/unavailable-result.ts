import { codedError } from './graphql-errors.ts'

/** Message for calls shed under overload. */
export const OVERLOADED = 'The server is overloaded. Try again in a moment'

/** Message for calls that meet no database. */
export const DATABASE_AWAY = 'The database is unavailable. Try again in a moment'

/** What GraphQL answers to a call that it does not run. */
export const UNAVAILABLE_RESULT = {
  errors: [codedError(OVERLOADED, 'UNAVAILABLE')],
}
