import { isAllowed } from '../../domain/authorisation.ts'
import type { EventLine } from '../../domain/orders/order-event.ts'
import { builder } from '../builder.ts'
import { findLocationOf, Location } from '../stock/location-node.ts'
import { FailureReason, OrderEventType, OrderStatus } from './order-states.ts'

const OrderEventLine = builder.objectRef<EventLine>('OrderEventLine').implement({
  description: 'A quantity that a change of an order was about.',
  fields: (t) => ({
    sku: t.exposeString('sku', { description: 'Of which line.' }),
    qty: t.exposeInt('qty', { description: 'How many.' }),
    missing: t.exposeInt('missing', {
      nullable: true,
      description: 'What it lacked, where it was short; else null.',
    }),
    location: t.field({
      type: Location,
      nullable: true,
      description: 'Where, if it was about one location.',
      resolve: ({ location }, _args, context, info) =>
        location === undefined ? null : findLocationOf(location, context, info),
    }),
  }),
})

export const OrderEvent = builder.prismaObject('OrderEvent', {
  description: 'One change of an order.',
  fields: (t) => ({
    type: t.expose('type', { type: OrderEventType, description: 'What happened.' }),
    from: t.expose('from', {
      type: OrderStatus,
      nullable: true,
      description: 'The state before. Null where the order was created.',
    }),
    to: t.expose('to', { type: OrderStatus, description: 'The state that it led to.' }),
    reason: t.expose('reason', {
      type: FailureReason,
      nullable: true,
      description: 'Of a failure; else null.',
    }),
    version: t.exposeInt('version', { description: 'The version of the order that it made.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When.' }),
    lines: t.field({
      type: [OrderEventLine],
      description: 'What it was about, where that is not the whole order.',
      select: { lines: true },
      // as Holdfast wrote it
      resolve: ({ lines }) => (lines ?? []) as EventLine[],
    }),
    actor: t.string({
      nullable: true,
      description: 'Who asked for it, where somebody did. A customer does not see it.',
      select: { actor: true },
      resolve: ({ actor }, _args, { caller }) => (isAllowed(caller, 'readNotes') ? actor : null),
    }),
    note: t.string({
      nullable: true,
      description: 'What they noted. A customer does not see it.',
      select: { note: true },
      resolve: ({ note }, _args, { caller }) => (isAllowed(caller, 'readNotes') ? note : null),
    }),
  }),
})
