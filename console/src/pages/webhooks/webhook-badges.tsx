import type { ResultOf } from 'gql.tada'
import { graphql } from '../../api/graphql.ts'

export const WebhookStateFields = graphql(`
  fragment WebhookStateFields on Webhook {
    id
    status
    disabledReason
    failingSince
  }
`)

export type WebhookState = ResultOf<typeof WebhookStateFields>

/** What each state is called, and what kind of state it is. */
const STATES: Record<WebhookState['status'], readonly [text: string, kind: string]> = {
  ACTIVE: ['Active', 'good'],
  PAUSED: ['Paused', 'waiting'],
  DISABLED: ['Disabled', 'bad'],
}

/** Whether a webhook is told of events, why not where Holdfast decided so, and whether its tries fail. */
export function WebhookBadges({
  webhook: { status, disabledReason, failingSince },
}: {
  webhook: WebhookState
}) {
  const [text, kind] = STATES[status]
  return (
    <>
      <span class="badges webhook-badges">
        <span class={`badge ${kind}`}>{text}</span>
        {failingSince && status !== 'DISABLED' && <span class="badge bad">Failing</span>}
      </span>
      {disabledReason && <p>{disabledReason}</p>}
    </>
  )
}
