import { expect, it } from 'vitest'
import { ALLOWED as OFFERED } from '../../console/src/api/may.ts'
import { ALLOWED } from '../../src/domain/authorisation.ts'

it('the console offers each action to whom the API allows it', () => {
  const offered = Object.entries(OFFERED).map(([action, roles]) => [
    action,
    roles.map((role) => role.toLowerCase()).sort(),
  ])
  const allowed = Object.entries(ALLOWED).map(([action, roles]) => [action, roles.toSorted()])
  expect(Object.fromEntries(offered)).toEqual(Object.fromEntries(allowed))
})
