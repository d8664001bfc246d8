import { useState } from 'preact/hooks'
import { v4 } from 'uuid'

/**
 * Makes an idempotency key, the same as long as the component is there: what a dialog sends twice, by a double click or after an
 * answer that was lost, is done once.
 */
export function useKey(): string {
  // `crypto.randomUUID` is not there on a page that came by plain HTTP from another machine
  const [key] = useState(() => v4())
  return key
}
