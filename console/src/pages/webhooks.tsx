import { useState } from 'preact/hooks'
import { useLocation } from 'preact-iso/router'
import { graphql } from '../api/graphql.ts'
import { useRead } from '../api/use-read.ts'
import { announce } from '../components/announcer.tsx'
import { Button } from '../components/button.tsx'
import { webhookPath } from '../components/links.tsx'
import { Loaded } from '../components/loaded.tsx'
import { Page } from '../components/page.tsx'
import { EmptyState } from '../components/states.tsx'
import { CreateWebhookDialog } from './webhooks/create-webhook-dialog.tsx'
import { SecretDialog } from './webhooks/secret-dialog.tsx'
import { WebhookRow, WebhookTable } from './webhooks/webhook-table.tsx'

const WebhooksDocument = graphql(
  `
    query Webhooks {
      webhooks {
        ...WebhookRow
      }
    }
  `,
  [WebhookRow],
)

const POLL_MS = 2_000

/** Who is told of events by HTTP, and how that goes. There are at most 50, so they are one page. */
export function WebhooksPage() {
  const { route } = useLocation()
  const read = useRead(WebhooksDocument, {}, POLL_MS)
  const [isCreating, setCreating] = useState(false)
  const [created, setCreated] = useState<{ id: string; secret: string }>()
  const onCreated = ({ id, secret }: { id: string; secret: string | null }) => {
    setCreating(false)
    if (secret !== null) return setCreated({ id, secret })
    announce('It was created before, and that answer was lost. Rotate its secret to be shown one')
    route(webhookPath(id))
  }
  return (
    <Page
      title="Webhooks"
      actions={
        <Button variant="primary" onClick={() => setCreating(true)}>
          New webhook
        </Button>
      }
    >
      <p class="muted">
        Programs that are told by HTTP what happens to orders and stock. While a receiver is away, each event
        is tried again for three days.
      </p>
      <Loaded read={read}>
        {({ webhooks }) =>
          webhooks.length > 0 ? (
            <WebhookTable webhooks={webhooks} />
          ) : (
            <EmptyState title="There are no webhooks yet">
              “New webhook” takes the URL of a receiver and the events that it wants. It gets those that
              happen from then on.
            </EmptyState>
          )
        }
      </Loaded>
      {isCreating && <CreateWebhookDialog onCreated={onCreated} onClose={() => setCreating(false)} />}
      {created && <SecretDialog secret={created.secret} onClose={() => route(webhookPath(created.id))} />}
    </Page>
  )
}
