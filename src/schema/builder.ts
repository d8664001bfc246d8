import SchemaBuilder from '@pothos/core'
import ComplexityPlugin from '@pothos/plugin-complexity'
import PrismaPlugin from '@pothos/plugin-prisma'
import RelayPlugin from '@pothos/plugin-relay'
import ScopeAuthPlugin from '@pothos/plugin-scope-auth'
import TracingPlugin, { isRootField } from '@pothos/plugin-tracing'
import type { GraphQLFieldResolver } from 'graphql'
import { type Action, forbidden, isAllowed } from '../domain/authorisation.ts'
import type { Order } from '../domain/orders/order.ts'
import type PrismaTypes from '../generated/pothos.ts'
import { getDatamodel } from '../generated/pothos.ts'
import { LIST_SIZE_ESTIMATE } from '../limits.ts'
import type { GraphQLContext } from './create-context.ts'
import './field-action.ts'
import './list-cost.ts'

type SchemaTypes = {
  Context: GraphQLContext
  AuthScopes: { may: Action }
  /** By name, for those whose orders these are. */
  Objects: { Order: Order }
  PrismaTypes: PrismaTypes
  DefaultFieldNullability: false
  DefaultEdgesNullability: false
  DefaultNodeNullability: false
  Scalars: {
    ID: { Input: string; Output: string | bigint }
    DateTime: { Input: Date; Output: Date }
    JSON: { Input: unknown; Output: unknown }
    Quantity: { Input: bigint; Output: bigint }
  }
}

export const builder = new SchemaBuilder<SchemaTypes>({
  // a field's span is around all else; then scopes: what may not be read is not looked for
  plugins: [
    TracingPlugin,
    ScopeAuthPlugin,
    'listCost',
    'fieldAction',
    PrismaPlugin,
    RelayPlugin,
    ComplexityPlugin,
  ],
  defaultFieldNullability: false,
  relay: {
    // an order's id is the same in GraphQL and REST: node.ts finds by such ids, and not by opaque global ones
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    // the connection itself counts its entries, and what only wraps them costs nothing
    edgesFieldOptions: {
      nullable: false,
      complexity: { field: 0, multiplier: 1 },
      description: 'What the page holds, in the order of the list.',
    },
    nodeFieldOptions: { nullable: false, complexity: 0, description: 'What the list is of.' },
    cursorFieldOptions: {
      description: 'Go on here, with `after` or `before`. It is good for this list alone.',
    },
    pageInfoFieldOptions: {
      complexity: { field: 0, multiplier: 0 },
      description: 'What lies around the page.',
    },
    pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
    hasNextPageFieldOptions: { description: 'Whether more follows the page.' },
    hasPreviousPageFieldOptions: { description: 'Whether more precedes the page.' },
    startCursorFieldOptions: { description: 'Of the first entry; null on an empty page.' },
    endCursorFieldOptions: { description: 'Of the last entry; null on an empty page.' },
    firstArgOptions: {
      description: 'How many from the beginning, or behind `after`: 0 to 100, 20 by default.',
    },
    afterArgOptions: { description: 'Begin behind this cursor of the list. Not with `last` or `before`.' },
    lastArgOptions: { description: 'How many from the end, or ahead of `before`: 0 to 100.' },
    beforeArgOptions: { description: 'End ahead of this cursor of the list. Not with `first` or `after`.' },
  },
  complexity: {
    defaultListMultiplier: LIST_SIZE_ESTIMATE,
    // the plugin's own check stands in the resolvers, which for a subscription is too late: see limit-queries.ts
    disabled: true,
  },
  tracing: {
    // below the root are columns, and rows that have spans of their own; a stream is not one span
    default: (field) => isRootField(field) && field.kind !== 'Subscription',
    wrap: traceField,
  },
  scopeAuth: {
    authScopes: ({ caller }) => ({ may: (action) => isAllowed(caller, action) }),
    unauthorizedError: (_parent, { caller }) => forbidden(caller),
  },
  prisma: {
    client: ({ app }) => app.prisma,
    dmmf: getDatamodel(),
  },
})

builder.queryType({ description: 'What can be read.' })
builder.mutationType({ description: 'What can be changed.' })
builder.subscriptionType({ description: 'What can be watched.' })

type Resolver = GraphQLFieldResolver<unknown, GraphQLContext, Record<string, unknown>>

/** Decided at each call, since the schema is built before anybody says whether there are traces: it costs a look. */
function traceField(resolve: Resolver): Resolver {
  let traced: Resolver | undefined
  return (parent, args, context, info) => {
    const { tracing } = context.app
    if (!tracing) return resolve(parent, args, context, info)
    traced ??= tracing.field(resolve)
    return traced(parent, args, context, info)
  }
}
