import type { UserErrorCode as Code, UserError } from '../domain/errors.ts'
import { builder } from './builder.ts'

const UserErrorCode = builder.enumType('UserErrorCode', {
  description: 'What a caller got wrong.',
  values: {
    IDEMPOTENCY_KEY_REUSED: { description: 'The key was used before with another input.' },
    INSUFFICIENT_STOCK: { description: 'Less is available than would be taken.' },
    INVALID_QTY: { description: 'A quantity is out of its range.' },
    INVALID_SKU: { description: 'No item can have this SKU.' },
    SKU_TAKEN: { description: 'Another item has this SKU.' },
    STALE_EXPECTATION: { description: 'What the caller expected is no longer so.' },
    UNKNOWN_SKU: { description: 'No item has this SKU.' },
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
  }),
})

/** The field of a mutation's answer that says why it was refused. */
export const USER_ERRORS: { type: [typeof UserErrorType]; description: string } = {
  type: [UserErrorType],
  description: 'Why it was refused; empty where it was not.',
}
