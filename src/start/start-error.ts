/** Holdfast cannot start for a reason outside of it. The message says which, and what to do: there is no more to know. */
export class StartError extends Error {
  override readonly name = 'StartError'
}
