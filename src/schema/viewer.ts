import type { Caller, Role as CallerRole } from '../domain/caller.ts'
import { builder } from './builder.ts'

const Role = builder.enumType('Role', {
  description: 'What a caller may do.',
  values: {
    CUSTOMER: { value: 'customer', description: 'Places orders for itself, and sees these.' },
    OPERATOR: { value: 'operator', description: 'Everything. Without authentication everyone is one.' },
    SERVICE: {
      value: 'service',
      description: 'Places orders for customers, ships them, and moves stock; sees all orders.',
    },
  } as const satisfies Record<string, { value: CallerRole; description: string }>,
})

const Viewer = builder.objectRef<Caller>('Viewer').implement({
  description: 'Who calls, as the token of the call says.',
  fields: (t) => ({
    id: t.exposeID('id', { description: 'The subject of the token; `anonymous` without authentication.' }),
    role: t.expose('role', { type: Role, description: 'What it may do.' }),
  }),
})

builder.queryField('viewer', (t) =>
  t.field({
    type: Viewer,
    description: 'Who calls: by it a client knows what to offer.',
    resolve: (_root, _args, { caller }) => caller,
  }),
)
