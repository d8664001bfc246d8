import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { Button } from '../../components/button.tsx'
import { eventPath } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Num, Time } from '../../components/values.tsx'

export const DeliveryRow = graphql(`
  fragment DeliveryRow on WebhookDelivery {
    id
    eventId
    eventType
    status
    attempts
    responseStatus
    responseBody
    error
    durationMs
    nextAttemptAt
    createdAt
  }
`)

type Row = ResultOf<typeof DeliveryRow>

/** What each state is called, and what kind of state it is. */
const STATES: Record<Row['status'], readonly [text: string, kind: string]> = {
  PENDING: ['Pending', 'moving'],
  DELIVERED: ['Delivered', 'good'],
  GIVEN_UP: ['Given up', 'bad'],
}

/** The states as options of a select. */
export const DELIVERY_STATUS_OPTIONS = Object.entries(STATES).map(
  ([status, [text]]) => [status, text] as const,
)

/** Reads a state that stands in the address. */
export function toDeliveryStatus(text: string | undefined): Row['status'] | null {
  return text !== undefined && text in STATES ? (text as Row['status']) : null
}

type DeliveryTableProps = {
  deliveries: readonly Row[]
  selected: ReadonlySet<string>
  select: (id: string, isSelected: boolean) => void
  isBusy: boolean
  redeliver: (id: string) => void
}

/** Events that a webhook was told or is to be told, each with what its receiver answered last. */
export function DeliveryTable({ deliveries, selected, select, isBusy, redeliver }: DeliveryTableProps) {
  const columns: readonly Column<Row>[] = [
    {
      head: 'Select',
      cell: ({ id, eventType, eventId }) => (
        <input
          type="checkbox"
          class="select-row"
          aria-label={`Select ${eventType} ${eventId}`}
          checked={selected.has(id)}
          onInput={({ currentTarget }) => select(id, currentTarget.checked)}
        />
      ),
    },
    { head: 'Event', cell: (row) => <Event row={row} /> },
    { head: 'When', cell: ({ createdAt }) => <Time at={createdAt} /> },
    { head: 'State', cell: (row) => <State row={row} /> },
    { head: 'Tries', cell: ({ attempts }) => <Num value={attempts} />, isNumeric: true },
    { head: 'Last answer', cell: (row) => <Answer row={row} /> },
    {
      head: 'Redeliver',
      cell: ({ id, eventId }) => (
        <Button isBusy={isBusy} onClick={() => redeliver(id)}>
          Redeliver<span class="visually-hidden"> {eventId}</span>
        </Button>
      ),
    },
  ]
  return (
    <Table caption="Deliveries, newest first" columns={columns} rows={deliveries} keyOf={({ id }) => id} />
  )
}

/** Leads to what the event is about. */
function Event({ row: { eventType, eventId } }: { row: Row }) {
  const path = eventPath(eventId)
  return (
    <div>
      <p>{path ? <a href={path}>{eventType}</a> : eventType}</p>
      <p class="muted id">{eventId}</p>
    </div>
  )
}

function State({ row: { status, attempts, nextAttemptAt } }: { row: Row }) {
  const isRetried = status === 'PENDING' && attempts > 0
  const [text, kind] = isRetried ? (['To be tried again', 'waiting'] as const) : STATES[status]
  return (
    <div>
      <span class={`badge ${kind}`}>{text}</span>
      {nextAttemptAt && (
        <p class="muted">
          next try <Time at={nextAttemptAt} />
        </p>
      )}
    </div>
  )
}

/** Of the last try: the status, or why there was none, and the beginning of the body. */
function Answer({ row: { responseStatus, responseBody, error, durationMs } }: { row: Row }) {
  if (durationMs === null) return <span class="muted">not tried yet</span>
  return (
    <div class="answer">
      <p>
        {responseStatus === null ? 'none' : <strong class="num">{responseStatus}</strong>}{' '}
        <span class="muted">
          after <Num value={durationMs} /> ms
        </span>
      </p>
      {error && <p>{error}</p>}
      {responseBody && (
        <details>
          <summary>Body</summary>
          <pre>{responseBody}</pre>
        </details>
      )}
    </div>
  )
}
