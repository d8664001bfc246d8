/**
 * The database answers, and Holdfast cannot work with it as it is: waiting changes nothing. The message says what is
 * wrong, and what would be right.
 */
export class UnfitDatabaseError extends Error {
  override readonly name = 'UnfitDatabaseError'
}
