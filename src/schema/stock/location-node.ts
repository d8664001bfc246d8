import { queryFromInfo } from '@pothos/plugin-prisma'
import type { GraphQLResolveInfo } from 'graphql'
import { DEFAULT_LOCATION } from '../../domain/stock/location.ts'
import { listLocations } from '../../use-cases/stock/list-locations.ts'
import { type SaveLocationResult, saveLocation } from '../../use-cases/stock/save-location.ts'
import { builder } from '../builder.ts'
import type { GraphQLContext } from '../create-context.ts'
import { locationIdOf, Node } from '../node.ts'
import { USER_ERRORS } from '../user-error.ts'

export const Location = builder.prismaObject('Location', {
  description: 'A place that stock is in.',
  interfaces: [Node],
  fields: (t) => ({
    id: t.id({ description: '`location:<code>`', resolve: locationIdOf }),
    code: t.exposeString('code', { description: 'Its key: no two locations have the same.' }),
    name: t.exposeString('name', { description: 'For people.' }),
    priority: t.exposeInt('priority', {
      description: 'The smaller, the sooner orders take from it.',
    }),
    isActive: t.exposeBoolean('isActive', {
      description: 'Whether orders may take from it. What they hold there they keep.',
    }),
    isDefault: t.boolean({
      description: 'Whether it is meant where no location is named.',
      resolve: ({ code }) => code === DEFAULT_LOCATION,
    }),
  }),
})

/** Reads a location that exists, once with all others at this place in the answer. */
export function findLocationOf(code: string, context: GraphQLContext, info: GraphQLResolveInfo) {
  const group = context.reads.at(info.fieldNodes, async (codes: string[]) => {
    const query = queryFromInfo({ context, info, typeName: 'Location' })
    const where = { code: { in: [...new Set(codes)] } }
    const locations = await context.app.prisma.location.findMany({ ...query, where })
    const locationOf = new Map(locations.map((location) => [location.code, location]))
    return codes.map((code) => locationOf.get(code)!)
  })
  return group.submit(code)
}

builder.queryField('locations', (t) =>
  t.field({
    type: [Location],
    description: 'All locations: first those that orders take from, by priority.',
    resolve: (_root, _args, { app }) => listLocations(app),
  }),
)

const LocationInput = builder.inputType('LocationInput', {
  description: 'A location. What is left out stays as it is, or is as it is by default.',
  fields: (t) => ({
    code: t.string({ required: true, description: '1 to 64 of letters, digits, ".", "_" and "-"' }),
    name: t.string({ description: 'For people: 1 to 200 characters on one line; the code by default.' }),
    priority: t.int({ description: '0 to 1,000,000: orders take from the smaller first; 100 by default.' }),
    isActive: t.boolean({ description: 'Whether orders may take from it; true by default.' }),
  }),
})

const LocationPayload = builder.objectRef<SaveLocationResult>('LocationPayload').implement({
  description: 'The answer to saveLocation.',
  fields: (t) => ({
    location: t.expose('location', {
      type: Location,
      nullable: true,
      description: 'As it is now. Null where it was refused.',
    }),
    userErrors: t.expose('userErrors', USER_ERRORS),
  }),
})

builder.mutationField('saveLocation', (t) =>
  t.field({
    type: LocationPayload,
    description: 'Creates a location, or changes the one with this code. For operators.',
    authScopes: { may: 'saveLocation' },
    args: { input: t.arg({ type: LocationInput, required: true, description: 'The location.' }) },
    resolve: (_root, { input }, { app, caller }) => saveLocation(app, caller, input),
  }),
)
