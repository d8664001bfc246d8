import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { SkuLink } from '../../components/links.tsx'
import { useShown } from '../../components/show-more.tsx'
import { StatusBadge } from '../../components/status-badge.tsx'
import { Change, Num, Time } from '../../components/values.tsx'
import { REASONS } from './reasons.ts'

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
      location {
        id
        code
      }
    }
  }
`)

export const MovementFields = graphql(`
  fragment MovementFields on InventoryMovement {
    id
    orderVersion
    type
    sku
    delta
    reservedDelta
    createdAt
    location {
      id
      code
    }
  }
`)

type Event = ResultOf<typeof OrderEventFields>
type Movement = ResultOf<typeof MovementFields>

type OrderTimelineProps = { events: readonly Event[]; movements: readonly Movement[] }

/** Every change of the order with what it moved in stock, newest first. */
export function OrderTimeline({ events, movements }: OrderTimelineProps) {
  const movedBy = Map.groupBy(movements, ({ orderVersion }) => orderVersion)
  const versions = new Set<number | null>(events.map(({ version }) => version))
  const others = movements.filter(({ orderVersion }) => !versions.has(orderVersion))
  const [shown, more] = useShown(events.toReversed())
  return (
    <>
      <ol class="timeline" reversed start={events.length}>
        {shown.map((event) => (
          <li key={event.version} id={`version-${event.version}`}>
            <EventEntry event={event} movements={movedBy.get(event.version) ?? []} />
          </li>
        ))}
      </ol>
      {more}
      {others.length > 0 && (
        <>
          <h3>Stock that came for it and changed nothing of it</h3>
          <Movements movements={others} />
        </>
      )}
    </>
  )
}

function EventEntry({ event, movements }: { event: Event; movements: readonly Movement[] }) {
  return (
    <>
      <div class="timeline-head">
        <strong>{inWords(event.type)}</strong>
        <StatusBadge status={event.to} />
        <Time at={event.at} />
      </div>
      <p class="muted">
        Version <Num value={event.version} />
        {event.actor && ` · by ${event.actor}`}
        {event.reason && ` · ${REASONS[event.reason]}`}
        {event.note && ` · “${event.note}”`}
      </p>
      {event.lines.length > 0 && <EventLines lines={event.lines} />}
      {movements.length > 0 && <Movements movements={movements} />}
    </>
  )
}

function EventLines({ lines }: Pick<Event, 'lines'>) {
  const [shown, more] = useShown(lines)
  return (
    <>
      <ul class="event-lines">
        {shown.map(({ sku, qty, missing, location }) => (
          <li key={`${sku} ${location?.code}`}>
            <Num value={qty} /> × <SkuLink sku={sku} />
            {location && ` at ${location.code}`}
            {missing !== null && (
              <>
                , <Num value={missing} /> missing
              </>
            )}
          </li>
        ))}
      </ul>
      {more}
    </>
  )
}

function Movements({ movements }: { movements: readonly Movement[] }) {
  const [shown, more] = useShown(movements)
  return (
    <>
      <ul class="movements">
        {shown.map(({ id, type, sku, location, delta, reservedDelta }) => (
          <li key={id}>
            <span class="movement-type">{MOVED[type]}</span> <SkuLink sku={sku} /> at {location.code}:
            available <Change value={delta} />, reserved <Change value={reservedDelta} />
          </li>
        ))}
      </ul>
      {more}
    </>
  )
}

const MOVED: Record<Movement['type'], string> = {
  ADJUSTMENT: 'Adjusted',
  COUNT: 'Counted',
  RECEIPT: 'Received',
  RELEASE: 'Released',
  RESERVATION: 'Reserved',
  RETURN: 'Returned',
  SHIPMENT: 'Shipped',
  SHIPMENT_UNDONE: 'Shipment undone',
  SUPPLIER_RECEIPT: 'Delivered',
  TRANSFER_IN: 'Transferred in',
  TRANSFER_OUT: 'Transferred out',
}

/** `OrderReserved` as "Order reserved". */
function inWords(type: Event['type']): string {
  return type.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}
