import type { Delivery } from '../../domain/webhooks/webhook.ts'
import { PAGE_SIZE_MAX, REPLACED_SECRETS_MAX } from '../../limits.ts'
import { createWebhook } from '../../use-cases/webhooks/verbs/create-webhook.ts'
import { deleteWebhook } from '../../use-cases/webhooks/verbs/delete-webhook.ts'
import { redeliverGivenUp, redeliverWebhooks } from '../../use-cases/webhooks/verbs/redeliver-webhooks.ts'
import { rotateWebhookSecret } from '../../use-cases/webhooks/verbs/rotate-webhook-secret.ts'
import { testWebhook } from '../../use-cases/webhooks/verbs/test-webhook.ts'
import { updateWebhook } from '../../use-cases/webhooks/verbs/update-webhook.ts'
import type { DeliveriesResult, WebhookResult } from '../../use-cases/webhooks/verbs/webhook-input.ts'
import { builder } from '../builder.ts'
import { USER_ERRORS } from '../user-error.ts'
import { Webhook, WebhookDelivery, WebhookStatus } from './webhook-node.ts'

const SUBSCRIPTIONS = 'Names of events, or `*`, `order.*`, `inventory.*`, `stock.*`.'
const RECEIVER =
  'Where events are sent: http or https, without credentials. Private, loopback and metadata addresses are refused.'

const CreateWebhookInput = builder.inputType('CreateWebhookInput', {
  description: 'A new webhook.',
  fields: (t) => ({
    url: t.string({ required: true, description: RECEIVER }),
    events: t.stringList({ required: true, description: SUBSCRIPTIONS }),
    idempotencyKey: t.string({
      description: 'A repeat under the same key answers with the webhook as it now is, without its secret.',
    }),
  }),
})

const UpdateWebhookInput = builder.inputType('UpdateWebhookInput', {
  description: 'Changes of a webhook. What is left out stays as it is.',
  fields: (t) => ({
    id: t.id({ required: true, description: 'Which webhook.' }),
    url: t.string({ description: RECEIVER }),
    events: t.stringList({ description: SUBSCRIPTIONS }),
    status: t.field({ type: WebhookStatus, description: 'ACTIVE or PAUSED.' }),
  }),
})

const RedeliverGivenUpInput = builder.inputType('RedeliverGivenUpInput', {
  description: 'What is sent again of what was given up.',
  fields: (t) => ({
    webhookId: t.id({ required: true, description: 'Of which webhook.' }),
    since: t.field({ type: 'DateTime', required: true, description: 'What was given up then or later.' }),
  }),
})

const WebhookPayload = builder.objectRef<WebhookResult>('WebhookPayload').implement({
  description: 'The answer to a change of a webhook.',
  fields: (t) => ({
    webhook: t.field({
      type: Webhook,
      nullable: true,
      description: 'As it is now; of one that was deleted as it was. Null where the change was refused.',
      resolve: ({ webhook }) => webhook,
    }),
    secret: t.exposeString('secret', {
      nullable: true,
      description: '`whsec_…`: shown here and never again. Null where no new one was made.',
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

const DeliveriesPayload = builder.objectRef<DeliveriesResult<Delivery>>('DeliveriesPayload').implement({
  description: 'The answer to a request to send.',
  fields: (t) => ({
    deliveries: t.field({
      type: [WebhookDelivery],
      complexity: { field: 1, multiplier: PAGE_SIZE_MAX },
      description: 'What is sent now: the first 100, the oldest first.',
      resolve: ({ deliveries }) => deliveries.slice(0, PAGE_SIZE_MAX),
    }),
    count: t.int({
      description: 'How many are sent now.',
      resolve: ({ deliveries }) => deliveries.length,
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationFields((t) => ({
  createWebhook: t.field({
    type: WebhookPayload,
    description:
      'Creates a webhook. Events of what begins after that are sent. A repeat under its key answers without the secret. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: { input: t.arg({ type: CreateWebhookInput, required: true, description: 'The webhook.' }) },
    resolve: (_root, { input }, { app, caller }) => createWebhook(app, caller, input),
  }),
  updateWebhook: t.field({
    type: WebhookPayload,
    description:
      'Changes a webhook. One that is active again gets the events that happened meanwhile. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: { input: t.arg({ type: UpdateWebhookInput, required: true, description: 'The changes.' }) },
    resolve: (_root, { input }, { app, caller }) => updateWebhook(app, caller, input),
  }),
  deleteWebhook: t.field({
    type: WebhookPayload,
    description: 'Deletes a webhook with its deliveries. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: { id: t.arg.id({ required: true, description: 'Which webhook.' }) },
    resolve: (_root, { id }, { app, caller }) => deleteWebhook(app, caller, id),
  }),
  rotateWebhookSecret: t.field({
    type: WebhookPayload,
    description: `Makes a new secret. For 24 h the old one signs as well; a webhook has up to ${REPLACED_SECRETS_MAX} such. For operators.`,
    authScopes: { may: 'writeWebhooks' },
    args: { id: t.arg.id({ required: true, description: 'Of which webhook.' }) },
    resolve: (_root, { id }, { app, caller }) => rotateWebhookSecret(app, caller, id),
  }),
  testWebhook: t.field({
    type: DeliveriesPayload,
    description: 'Sends the event `webhook.test`, also to one that is paused or disabled. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: { id: t.arg.id({ required: true, description: 'Which webhook.' }) },
    resolve: (_root, { id }, { app, caller }) => testWebhook(app, caller, id),
  }),
  redeliverWebhooks: t.field({
    type: DeliveriesPayload,
    description: 'Sends up to 100 deliveries again, under the same `webhook-id`. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: {
      ids: t.arg.idList({ required: true, description: 'Of deliveries. Those that are gone are left out.' }),
    },
    resolve: (_root, { ids }, { app, caller }) => redeliverWebhooks(app, caller, ids),
  }),
  redeliverGivenUp: t.field({
    type: DeliveriesPayload,
    description:
      'Sends again what was given up of a webhook since a time: the oldest 10,000. A repeat sends the next. For operators.',
    authScopes: { may: 'writeWebhooks' },
    args: { input: t.arg({ type: RedeliverGivenUpInput, required: true, description: 'What is sent.' }) },
    resolve: (_root, { input }, { app, caller }) => redeliverGivenUp(app, caller, input),
  }),
}))
