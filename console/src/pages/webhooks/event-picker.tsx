import { Checkbox } from '../../components/field.tsx'

/** What can be subscribed to, as docs/webhooks.md has it: each family by its pattern, or event by event. */
const FAMILIES = [
  {
    pattern: 'order.*',
    names: [
      'order.created',
      'order.reserved',
      'order.awaiting_restock',
      'order.unreserved',
      'order.confirmed',
      'order.hold_extended',
      'order.shipped',
      'order.shipment_undone',
      'order.cancelled',
      'order.expired',
      'order.returned',
      'order.failed',
      'order.reopened',
    ],
  },
  { pattern: 'inventory.*', names: ['inventory.changed'] },
  { pattern: 'stock.*', names: ['stock.low', 'stock.out', 'stock.back'] },
] as const

const ALL = '*'

type EventPickerProps = {
  chosen: ReadonlySet<string>
  onInput: (chosen: ReadonlySet<string>) => void
  error: string | undefined
}

/** Chooses events. What a pattern includes is not asked for one by one. */
export function EventPicker({ chosen, onInput, error }: EventPickerProps) {
  const box = (name: string, label = name) => (
    <Checkbox
      key={name}
      label={label}
      isChecked={chosen.has(name)}
      onInput={(isChecked) => {
        const next = new Set(chosen)
        if (isChecked) next.add(name)
        else next.delete(name)
        onInput(next)
      }}
    />
  )
  return (
    <fieldset class="events">
      <legend>Events</legend>
      {box(ALL, 'All events, also those of later versions')}
      {!chosen.has(ALL) &&
        FAMILIES.map(({ pattern, names }) => (
          <div key={pattern} class="event-family">
            {box(pattern, `All ${pattern}`)}
            {!chosen.has(pattern) && <div class="event-names">{names.map((name) => box(name))}</div>}
          </div>
        ))}
      <div role="alert">{error && <p class="error-text">{error}</p>}</div>
    </fieldset>
  )
}

/** Returns the subscriptions that were chosen, without those that a pattern among them includes. */
export function subscriptionsOf(chosen: ReadonlySet<string>): string[] {
  if (chosen.has(ALL)) return [ALL]
  return FAMILIES.flatMap(({ pattern, names }) =>
    chosen.has(pattern) ? [pattern] : names.filter((name) => chosen.has(name)),
  )
}
