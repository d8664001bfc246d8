import { expect, it } from 'vitest'
import { type Action, ALLOWED, isAllowed as isOffered, type Role } from '../../console/src/api/may.ts'
import { isAllowed } from '../../src/domain/authorisation.ts'

const ROLES: readonly Role[] = ['CUSTOMER', 'SERVICE', 'OPERATOR']

it.each(Object.keys(ALLOWED) as Action[])('the console offers %s to whom the API allows it', (action) => {
  const offered = ROLES.filter((role) => isOffered(role, action))
  const allowed = ROLES.filter((role) => {
    const caller = { id: 'x', role: role.toLowerCase() as Lowercase<Role>, expiresAt: null }
    return isAllowed(caller, action)
  })
  expect(offered).toEqual(allowed)
})
