import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { webhookPath } from '../../components/links.tsx'
import { type Column, Table } from '../../components/table.tsx'
import { Age, Num, Time } from '../../components/values.tsx'
import { WebhookBadges, WebhookStateFields } from './webhook-badges.tsx'

export const WebhookRow = graphql(
  `
    fragment WebhookRow on Webhook {
      id
      url
      events
      oldestPendingAgeSeconds
      pendingCount
      ...WebhookStateFields
    }
  `,
  [WebhookStateFields],
)

type Row = ResultOf<typeof WebhookRow>

const COLUMNS: readonly Column<Row>[] = [
  {
    head: 'Receiver',
    cell: ({ id, url }) => (
      <a href={webhookPath(id)} class="id">
        {url}
      </a>
    ),
  },
  { head: 'Events', cell: ({ events }) => <Subscriptions events={events} /> },
  {
    head: 'State',
    cell: (row) => (
      <div>
        <WebhookBadges webhook={row} />
      </div>
    ),
  },
  {
    head: 'Pending',
    cell: ({ pendingCount }) => <PendingCount count={pendingCount} />,
    isNumeric: true,
  },
  {
    head: 'Oldest pending',
    cell: ({ oldestPendingAgeSeconds: seconds }) => (seconds === null ? <None /> : <Age seconds={seconds} />),
    isNumeric: true,
  },
  {
    head: 'Failing since',
    cell: ({ failingSince }) => (failingSince ? <Time at={failingSince} /> : <None />),
  },
]

export function WebhookTable({ webhooks }: { webhooks: readonly Row[] }) {
  return <Table caption="Webhooks, oldest first" columns={COLUMNS} rows={webhooks} keyOf={({ id }) => id} />
}

/** What a webhook listens to. */
export function Subscriptions({ events }: { events: readonly string[] }) {
  return (
    <span class="subscriptions">
      {events.map((event) => (
        <code key={event}>{event}</code>
      ))}
    </span>
  )
}

/** As many are counted, and no more. */
const PENDING_COUNTED_MAX = 10_000

/** Deliveries that wait for a webhook. */
export function PendingCount({ count }: { count: number }) {
  return (
    <span>
      {count === PENDING_COUNTED_MAX && 'at least '}
      <Num value={count} />
    </span>
  )
}

function None() {
  return <span class="muted">–</span>
}
