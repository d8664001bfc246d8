import type { UserErrorCode as Code, UserError } from '../domain/errors.ts'
import { builder } from './builder.ts'

const UserErrorCode = builder.enumType('UserErrorCode', {
  description: 'What a caller got wrong.',
  values: {
    DUPLICATE_SKU: { description: 'A SKU is in two lines.' },
    HOLD_EXPIRED: { description: 'The hold has expired.' },
    IDEMPOTENCY_KEY_REUSED: { description: 'The key was used before with another input.' },
    INSUFFICIENT_STOCK: { description: 'Less is available than would be taken.' },
    INVALID_HOLD: { description: 'No order can be held for so long.' },
    INVALID_LINES: { description: 'There are no lines, or too many.' },
    INVALID_QTY: { description: 'A quantity, or the priority of a location, is out of its range.' },
    INVALID_SKU: { description: 'No item can have this SKU.' },
    INVALID_URL: { description: 'No webhook can have this URL.' },
    LOCATION_IN_USE: {
      description:
        'The default location stays active; or a transfer comes from the location that it goes to.',
    },
    QTY_EXCEEDED: { description: 'More is asked for than would go: `limit` is the most.' },
    SKU_TAKEN: { description: 'Another item has this SKU.' },
    STALE_EXPECTATION: { description: 'What the caller expected is no longer so.' },
    UNKNOWN_LOCATION: {
      description: 'No location has this code, can have it, or is one that orders take from.',
    },
    UNKNOWN_ORDER: { description: 'There is no such order, or none that you may see.' },
    UNKNOWN_SHIPMENT: { description: 'There is no such shipment.' },
    UNKNOWN_SKU: { description: 'No item has this SKU, or no line of the order.' },
    UNKNOWN_WEBHOOK: { description: 'There is no such webhook.' },
    WRONG_STATE: { description: 'The order is not in a state for this.' },
  } as const satisfies Record<Code, object>,
})

const UserErrorType = builder.objectRef<UserError>('UserError').implement({
  description: 'Why a request was understood and refused.',
  fields: (t) => ({
    code: t.expose('code', { type: UserErrorCode, description: 'For programs.' }),
    message: t.exposeString('message', { description: 'For people: what is wrong, with the value.' }),
    field: t.exposeStringList('field', {
      nullable: true,
      description: 'The path to the culprit in the arguments.',
    }),
    limit: t.field({
      type: 'Quantity',
      nullable: true,
      description:
        'Of QTY_EXCEEDED and INSUFFICIENT_STOCK: the most that would have gone; of a count the least.',
      resolve: ({ limit }) => limit ?? null,
    }),
  }),
})

/** The field of a mutation's answer that says why it was refused. */
export const USER_ERRORS: { type: [typeof UserErrorType]; description: string } = {
  type: [UserErrorType],
  description: 'Why it was refused; empty where it was not.',
}
