import { USER_ERROR_CODES, type UserError } from '../domain/errors.ts'
import { builder } from './builder.ts'

const UserErrorCode = builder.enumType('UserErrorCode', { values: USER_ERROR_CODES })

export const UserErrorType = builder.objectRef<UserError>('UserError').implement({
  description: 'Why a request was understood and refused.',
  fields: (t) => ({
    code: t.expose('code', { type: UserErrorCode }),
    message: t.exposeString('message'),
    field: t.exposeStringList('field', {
      nullable: true,
      description: 'The path to the culprit in the arguments.',
    }),
  }),
})
