import type { ResultOf } from 'gql.tada'
import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { explain } from '../../api/explain.ts'
import { graphql } from '../../api/graphql.ts'
import type { Read } from '../../api/use-read.ts'
import { useWrite } from '../../api/use-write.ts'
import { announce } from '../../components/announcer.tsx'
import { Button } from '../../components/button.tsx'
import { FormErrors, Select } from '../../components/field.tsx'
import { Loaded } from '../../components/loaded.tsx'
import { Pager, PagerFields } from '../../components/pager.tsx'
import { EmptyState } from '../../components/states.tsx'
import { withQuery } from '../../query-string.ts'
import type { WebhookState } from '../webhooks/webhook-badges.tsx'
import { DELIVERY_STATUS_OPTIONS, DeliveryRow, DeliveryTable, toDeliveryStatus } from './delivery-table.tsx'
import { GivenUpDialog } from './given-up-dialog.tsx'
import { sentInWords } from './sent-in-words.ts'

export const DeliveriesDocument = graphql(
  `
    query Deliveries($id: ID!, $status: DeliveryStatus, $first: Int!, $after: String) {
      node(id: $id) {
        __typename
        id
        ... on Webhook {
          deliveries(status: $status, first: $first, after: $after) {
            edges {
              node {
                ...DeliveryRow
              }
            }
            pageInfo {
              ...PagerFields
            }
          }
        }
      }
    }
  `,
  [DeliveryRow, PagerFields],
)

const RedeliverDocument = graphql(`
  mutation Redeliver($ids: [ID!]!) {
    redeliverWebhooks(ids: $ids) {
      count
      userErrors {
        message
        field
      }
    }
  }
`)

/** A screen, and fewer than one call may send again. */
export const PAGE_SIZE = 25

type Deliveries = ResultOf<typeof DeliveriesDocument>

type DeliveriesSectionProps = {
  webhook: WebhookState
  read: Read<Deliveries>
  onDone: () => void
}

/** What a webhook is told, newest first. What is ticked, one delivery, or all that was given up is sent again. */
export function DeliveriesSection({ webhook, read, onDone }: DeliveriesSectionProps) {
  const [ticked, setTicked] = useState<ReadonlySet<string>>(new Set())
  const [asks, setAsks] = useState(false)
  const { run, isRunning, userErrors, error } = useWrite(RedeliverDocument)
  const deliveries = deliveriesOf(read.data)
  const ids = deliveries?.edges.map(({ node: { id } }) => id) ?? []
  // what has moved to another page is not sent: nobody sees that it is ticked
  const selected = ids.filter((id) => ticked.has(id))
  const redeliver = async (ids: readonly string[]) => {
    if (ids.length === 0) return announce('Select deliveries first')
    const sent = await run({ ids: [...ids] })
    if (!sent) return
    announce(sentInWords(sent.count, webhook.status))
    setTicked(new Set())
    onDone()
  }
  return (
    <>
      <div class="page-head">
        <h2>Deliveries</h2>
        <StatusFilter />
      </div>
      <div class="actions">
        <Button onClick={() => setTicked(new Set(selected.length < ids.length ? ids : []))}>
          {ids.length > 0 && selected.length === ids.length ? 'Select none' : 'Select all shown'}
        </Button>
        <Button isBusy={isRunning} onClick={() => void redeliver(selected)}>
          Redeliver {selected.length} selected
        </Button>
        <Button onClick={() => setAsks(true)}>Redeliver what was given up</Button>
      </div>
      <FormErrors userErrors={userErrors} failure={error && explain(error)} />
      <Loaded read={read}>
        {() =>
          deliveries && (
            <>
              {deliveries.edges.length > 0 ? (
                <DeliveryTable
                  deliveries={deliveries.edges.map(({ node }) => node)}
                  selected={ticked}
                  select={(id, isSelected) => setTicked(withOrWithout(ticked, id, isSelected))}
                  isBusy={isRunning}
                  redeliver={(id) => void redeliver([id])}
                />
              ) : (
                <NoDeliveries />
              )}
              <Pager pageInfo={deliveries.pageInfo} next="Older deliveries" first="Newest deliveries" />
            </>
          )
        }
      </Loaded>
      {asks && <GivenUpDialog webhook={webhook} onDone={onDone} onClose={() => setAsks(false)} />}
    </>
  )
}

function StatusFilter() {
  const { path, query, route } = useLocation()
  return (
    <div class="inline-field">
      <Select
        label="State"
        name="status"
        value={toDeliveryStatus(query.status) ?? ''}
        options={[['', 'All'], ...DELIVERY_STATUS_OPTIONS]}
        onInput={(status) => route(withQuery(path, { status }))}
      />
    </div>
  )
}

function NoDeliveries() {
  const { query } = useLocation()
  if (toDeliveryStatus(query.status) !== null) {
    return <EmptyState title="No delivery is so">Choose another state above.</EmptyState>
  }
  return (
    <EmptyState title="Nothing was sent yet">
      What happens from now on stands here, with what the receiver answered. “Test” sends an event at once.
    </EmptyState>
  )
}

/** @returns undefined while nothing is read, and where there is no such webhook */
function deliveriesOf(data: Deliveries | undefined) {
  return data?.node?.__typename === 'Webhook' ? data.node.deliveries : undefined
}

function withOrWithout(ids: ReadonlySet<string>, id: string, isIn: boolean): ReadonlySet<string> {
  return new Set(isIn ? [...ids, id] : [...ids].filter((one) => one !== id))
}
