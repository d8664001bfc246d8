import { queryFromInfo } from '@pothos/plugin-prisma'
import { validate as isUuid } from 'uuid'
import { BACKLOG_COUNTED_MAX } from '../../limits.ts'
import { findBacklogs, listWebhooks } from '../../use-cases/webhooks/list-webhooks.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { Node } from '../node.ts'
import { byColumn, type List, pageCost, readPage } from '../page.ts'

const WebhookStatus = builder.enumType('WebhookStatus', {
  description: 'Whether events are sent to a webhook.',
  values: {
    ACTIVE: { description: 'Events are sent.' },
    PAUSED: { description: 'An operator paused it: events are sent once it is active again.' },
    DISABLED: { description: 'Holdfast disabled it: `disabledReason` says why.' },
  },
})

export { WebhookStatus }

const DeliveryStatus = builder.enumType('DeliveryStatus', {
  description: 'How far a delivery is.',
  values: {
    PENDING: { description: 'It is due, in flight, or waits for another attempt.' },
    DELIVERED: { description: 'The receiver answered with a 2xx.' },
    GIVEN_UP: { description: 'The last attempt failed, or the webhook was disabled.' },
  },
})

export const WebhookDelivery = builder.prismaObject('WebhookDelivery', {
  description:
    'An event that is sent to a webhook. Kept while it is pending, for 30 days if it was given up, and of those that were delivered the last 1,000 of each webhook.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID.' }),
    eventId: t.exposeString('eventId', {
      description: 'The header `webhook-id`: the same for every webhook, and at every attempt.',
    }),
    eventType: t.exposeString('eventType', { description: 'As `order.created`.' }),
    status: t.expose('status', { type: DeliveryStatus, description: 'How far it is.' }),
    attempts: t.exposeInt('attempts', { description: 'Attempts that ended.' }),
    responseStatus: t.exposeInt('responseStatus', {
      nullable: true,
      description: 'What the receiver answered at the last attempt; null where it did not.',
    }),
    responseBody: t.exposeString('responseBody', {
      nullable: true,
      description: 'The first kilobyte of that answer.',
    }),
    error: t.exposeString('error', {
      nullable: true,
      description: 'Why there was no answer at the last attempt; else null.',
    }),
    durationMs: t.exposeInt('durationMs', { nullable: true, description: 'How long the last attempt took.' }),
    nextAttemptAt: t.expose('nextAttemptAt', {
      type: 'DateTime',
      nullable: true,
      description:
        'When the next attempt is due; of one in flight when it counts as lost. Null once it has ended.',
    }),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was written, right after its event.',
    }),
  }),
})

const deliveries: List<{ id: string }> = { name: 'webhookDeliveries', keyOf: ({ id }) => id, isKey: isUuid }

export const Webhook = builder.prismaObject('Webhook', {
  description: 'A receiver of events by HTTP, as Standard Webhooks has it.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.exposeID('id', { description: 'A UUID.' }),
    url: t.exposeString('url', { description: 'Where events are sent.' }),
    events: t.exposeStringList('events', { description: 'As `order.*`, `stock.low`.' }),
    status: t.expose('status', { type: WebhookStatus, description: 'Whether events are sent.' }),
    disabledReason: t.exposeString('disabledReason', {
      nullable: true,
      description: 'Why Holdfast disabled it; else null.',
    }),
    failingSince: t.expose('failingSince', {
      type: 'DateTime',
      nullable: true,
      description: 'Since when no delivery has succeeded, while they fail. After 120 h Holdfast disables it.',
    }),
    oldestPendingAgeSeconds: t.float({
      nullable: true,
      description: 'Age of the oldest event that was not delivered yet; null where there is none.',
      // no `select`: Pothos would read the row anew for it, and fail where it was deleted meanwhile
      resolve: async ({ id }, _args, context) => (await findBacklog(id, context))?.oldestAgeS ?? null,
    }),
    pendingCount: t.int({
      description: `Its deliveries that are pending: the first ${BACKLOG_COUNTED_MAX.toLocaleString('en')} count. What it has not read yet does not.`,
      resolve: async ({ id }, _args, context) => (await findBacklog(id, context))?.pending ?? 0,
    }),
    deliveries: t.connection(
      {
        type: WebhookDelivery,
        description: 'Its deliveries, newest first.',
        complexity: pageCost,
        args: { status: t.arg({ type: DeliveryStatus, description: 'Only those of this status.' }) },
        resolve: ({ id: webhookId }, { status, ...args }, context, info) =>
          readPage(deliveries, args, (page) => {
            const { take, beyond } = byColumn(page, 'desc')
            return context.app.prisma.webhookDelivery.findMany({
              ...queryFromInfo({ context, info, typeName: 'WebhookDelivery', path: ['edges', 'node'] }),
              where: { webhookId, ...(status && { status }), ...(beyond && { id: beyond }) },
              // as the indexes have them
              orderBy: [
                { webhookId: 'desc' },
                ...(status ? [{ status: 'desc' } as const] : []),
                { id: 'desc' },
              ],
              take,
            })
          }),
      },
      { name: 'WebhookDeliveryConnection', description: 'A page of deliveries.' },
      { name: 'WebhookDeliveryEdge', description: 'A delivery of a page.' },
    ),
    createdAt: t.expose('createdAt', {
      type: 'DateTime',
      description: 'When it was created. Events of what began later are sent.',
    }),
  }),
})

/** Reads what was not delivered to a webhook yet, once with all others of the answer. @returns undefined for one that was deleted */
function findBacklog(id: string, { app, reads }: GraphQLContext) {
  const group = reads.at(findBacklogs, async (ids: string[]) => {
    const backlogs = await findBacklogs(app)
    return ids.map((one) => backlogs.get(one))
  })
  return group.submit(id)
}

builder.queryField('webhooks', (t) =>
  t.field({
    type: [Webhook],
    description: 'All webhooks, the oldest first. For operators.',
    authScopes: { may: 'readWebhooks' },
    resolve: (_root, _args, { app, caller }) => listWebhooks(app, caller),
  }),
)
