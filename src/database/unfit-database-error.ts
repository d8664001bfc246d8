/**
 * The database answers, but Holdfast cannot work with it, and waiting changes nothing. The message says what is wrong and what
 * would be right.
 */
export class UnfitDatabaseError extends Error {
  override readonly name = 'UnfitDatabaseError'
}
