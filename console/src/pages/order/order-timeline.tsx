import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { StatusBadge } from '../../components/status-badge.tsx'
import { Num, Time } from '../../components/values.tsx'

export const OrderEventFields = graphql(`
  fragment OrderEventFields on OrderEvent {
    version
    type
    to
    at
    reason
    actor
    note
    lines {
      sku
      qty
      missing
    }
  }
`)

type Event = ResultOf<typeof OrderEventFields>

/** Every change of the order, newest first. */
export function OrderTimeline({ events }: { events: readonly Event[] }) {
  return (
    <ol class="timeline" reversed>
      {events.toReversed().map((event) => (
        <li key={event.version}>
          <div class="timeline-head">
            <strong>{inWords(event.type)}</strong>
            <StatusBadge status={event.to} />
            <Time at={event.at} />
          </div>
          <p class="muted">
            Version <Num value={event.version} />
            {event.actor && ` · by ${event.actor}`}
            {event.reason && ` · ${event.reason}`}
            {event.note && ` · “${event.note}”`}
          </p>
          {event.lines.length > 0 && <EventLines lines={event.lines} />}
        </li>
      ))}
    </ol>
  )
}

function EventLines({ lines }: Pick<Event, 'lines'>) {
  return (
    <ul class="event-lines">
      {lines.map(({ sku, qty, missing }) => (
        <li key={sku}>
          <Num value={qty} /> × {sku}
          {missing !== null && (
            <>
              , <Num value={missing} /> missing
            </>
          )}
        </li>
      ))}
    </ul>
  )
}

/** `OrderReserved` as "Order reserved". */
function inWords(type: Event['type']): string {
  return type.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
