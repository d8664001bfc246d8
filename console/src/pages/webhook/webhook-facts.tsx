import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'
import { Age, Time } from '../../components/values.tsx'
import { WebhookBadges, WebhookStateFields } from '../webhooks/webhook-badges.tsx'
import { PendingCount, Subscriptions } from '../webhooks/webhook-table.tsx'

export const WebhookFactsFields = graphql(
  `
    fragment WebhookFactsFields on Webhook {
      id
      events
      createdAt
      oldestPendingAgeSeconds
      pendingCount
      ...WebhookStateFields
    }
  `,
  [WebhookStateFields],
)

/** What a webhook is told, and how that goes. */
export function WebhookFacts({ webhook }: { webhook: ResultOf<typeof WebhookFactsFields> }) {
  const { id, events, status, createdAt, failingSince, oldestPendingAgeSeconds, pendingCount } = webhook
  return (
    <dl class="facts webhook-facts card">
      <div class="wide">
        <dt>State</dt>
        <dd>
          <WebhookBadges webhook={webhook} />
          {status !== 'ACTIVE' && (
            <p class="muted">It is sent nothing but tests. “Resume” has it told what happened meanwhile.</p>
          )}
        </dd>
      </div>
      <div class="wide">
        <dt>Events</dt>
        <dd>
          <Subscriptions events={events} />
        </dd>
      </div>
      <div>
        <dt>Pending deliveries</dt>
        <dd>
          <PendingCount count={pendingCount} />
        </dd>
      </div>
      <div>
        <dt>Oldest pending event</dt>
        <dd>{oldestPendingAgeSeconds === null ? 'none' : <Age seconds={oldestPendingAgeSeconds} />}</dd>
      </div>
      <div>
        <dt>Failing since</dt>
        <dd>{failingSince ? <Time at={failingSince} /> : 'It does not fail'}</dd>
      </div>
      <div>
        <dt>Created</dt>
        <dd>
          <Time at={createdAt} />
        </dd>
      </div>
      <div>
        <dt>Id</dt>
        <dd>
          <code>{id}</code>
        </dd>
      </div>
    </dl>
  )
}
