import { useState } from 'preact/hooks'
import { useLocation, useRoute } from 'preact-iso/router'
import { explain } from '../api/explain.ts'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { FormErrors } from '../components/field.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { DeliveriesDocument, DeliveriesSection, PAGE_SIZE } from './webhook/deliveries.tsx'
import { toDeliveryStatus } from './webhook/delivery-table.tsx'
import { useWebhookActions, WebhookActions } from './webhook/webhook-actions.tsx'
import { WebhookDialog, type WebhookDialogKind } from './webhook/webhook-dialog.tsx'
import { WebhookFacts, WebhookFactsFields } from './webhook/webhook-facts.tsx'

const WebhookDocument = graphql(
  `
    query Webhook($id: ID!) {
      node(id: $id) {
        __typename
        id
        ... on Webhook {
          url
          ...WebhookFactsFields
        }
      }
    }
  `,
  [WebhookFactsFields],
)

const POLL_MS = 2_000

/** All that there is to one webhook. */
export function WebhookPage() {
  const { id = '' } = useRoute().params
  // what was read of another webhook must not stand here
  return <WebhookStory key={id} id={id} />
}

function WebhookStory({ id }: { id: string }) {
  const { query } = useLocation()
  const read = useRead(WebhookDocument, { id }, POLL_MS)
  const status = toDeliveryStatus(query.status)
  const variables = { id, status, first: PAGE_SIZE, after: query.after ?? null }
  const deliveries = useRead(DeliveriesDocument, variables, POLL_MS)
  const refresh = () => {
    read.refresh()
    deliveries.refresh()
  }
  const [dialog, setDialog] = useState<WebhookDialogKind | null>(null)
  const actions = useWebhookActions(id, refresh)
  const webhook = read.data?.node?.__typename === 'Webhook' ? read.data.node : undefined
  return (
    <Page
      title={webhook?.url ?? 'Webhook'}
      actions={
        webhook && (
          <WebhookActions isActive={webhook.status === 'ACTIVE'} actions={actions} open={setDialog} />
        )
      }
    >
      <FormErrors userErrors={actions.userErrors} failure={actions.error && explain(actions.error)} />
      <Loaded read={read}>
        {() =>
          webhook ? (
            <>
              <WebhookFacts webhook={webhook} />
              <DeliveriesSection webhook={webhook} read={deliveries} onDone={refresh} />
              {dialog && (
                <WebhookDialog
                  kind={dialog}
                  webhook={webhook}
                  onDone={refresh}
                  onClose={() => setDialog(null)}
                />
              )}
            </>
          ) : (
            <NoWebhook />
          )
        }
      </Loaded>
    </Page>
  )
}

function NoWebhook() {
  return (
    <EmptyState title="There is no such webhook">
      It was deleted, or the address is not whole. Look among <a href="/console/webhooks">all webhooks</a>.
    </EmptyState>
  )
}
