import { codedError } from './graphql-errors.ts'

/** Message for calls shed under overload. */
export const OVERLOADED = 'There is too much to do. Try again in a moment'

/** Message for calls that meet no database. */
export const DATABASE_AWAY = 'The database is away. Try again in a moment'

/** What GraphQL answers to a call that it does not run. */
export const UNAVAILABLE_RESULT = {
  errors: [codedError(OVERLOADED, 'UNAVAILABLE')],
}
