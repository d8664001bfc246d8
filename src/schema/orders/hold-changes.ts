import { confirmOrder } from '../../use-cases/orders/verbs/confirm-order.ts'
import { extendHold } from '../../use-cases/orders/verbs/extend-hold.ts'
import { builder } from '../builder.ts'
import { EXPECTED_VERSION, IDEMPOTENCY_KEY, OrderPayload, originOf } from './order-changes.ts'

const ConfirmOrderInput = builder.inputType('ConfirmOrderInput', {
  description: 'Which hold is confirmed.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The order's UUID." }),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('confirmOrder', (t) =>
  t.field({
    type: OrderPayload,
    description: 'Makes a hold firm: it expires no more. It is refused from `expiresAt` on.',
    args: { input: t.arg({ type: ConfirmOrderInput, required: true, description: 'The hold.' }) },
    resolve: (_root, { input }, context) =>
      confirmOrder(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)

const ExtendHoldInput = builder.inputType('ExtendHoldInput', {
  description: 'Which hold is extended.',
  fields: (t) => ({
    id: t.id({ required: true, description: "The order's UUID." }),
    holdSeconds: t.int({
      required: true,
      description: 'When it expires, in seconds from now: 1 to 2,678,400 (31 days).',
    }),
    expectedVersion: t.int(EXPECTED_VERSION),
    idempotencyKey: t.string(IDEMPOTENCY_KEY),
  }),
})

builder.mutationField('extendHold', (t) =>
  t.field({
    type: OrderPayload,
    description:
      'Lets a hold expire later, or sooner, than it would. It is refused from `expiresAt` on: an extension revives nothing.',
    args: { input: t.arg({ type: ExtendHoldInput, required: true, description: 'The hold.' }) },
    resolve: (_root, { input }, context) =>
      extendHold(context.app, context.caller, { ...input, ...originOf(context) }),
  }),
)
