/** The queue of a group commit is full, or its commit hangs: the database does not keep up. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError'
}
