import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { Button } from './button.tsx'
import { Num } from './values.tsx'

/** As many as the largest page of a list that the API pages. */
const SHOWN_MAX = 100

/**
 * Takes the first entries of a list that the API gives whole, such as the events of an order: thousands of them would keep the
 * browser busy for seconds.
 *
 * @returns what to show, and a button for the next ones; null where all are shown
 */
export function useShown<Entry>(
  entries: readonly Entry[],
): readonly [shown: readonly Entry[], more: ComponentChildren] {
  const [max, setMax] = useState(SHOWN_MAX)
  const left = entries.length - max
  if (left <= 0) return [entries, null]
  const more = (
    <div class="actions">
      <Button onClick={() => setMax(max + SHOWN_MAX)}>Show more</Button>
      <span class="muted">
        <Num value={left} /> are left
      </span>
    </div>
  )
  return [entries.slice(0, max), more]
}
