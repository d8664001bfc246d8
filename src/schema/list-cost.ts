import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  GraphQLError,
  type GraphQLFieldResolver,
  type GraphQLResolveInfo,
  getNamedType,
  Kind,
  OperationTypeNode,
} from 'graphql'
import { LIST_SIZE_ESTIMATE, QUERY_COST_MAX } from '../limits.ts'
import type { GraphQLContext } from './create-context.ts'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      listCost: ListCostPlugin<Types>
    }
  }
}

/**
 * Counts what lists without a page size turn out to hold. The cost of an operation is limited before it runs, by what such lists
 * usually hold; of a longer one the rest is counted when it is read, and refused before anything of it is shown.
 */
class ListCostPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override wrapResolve(
    resolver: GraphQLFieldResolver<unknown, Types['Context'], object>,
    { type, extensions }: PothosOutputFieldConfig<Types>,
  ): GraphQLFieldResolver<unknown, Types['Context'], object> {
    const { field, multiplier } = (extensions?.complexity ?? {}) as {
      field?: number
      multiplier?: number
    }
    // the edges of a connection were counted with it, by its page size
    if (type.kind !== 'List' || field === 0 || multiplier === undefined) return resolver
    const counted = (list: unknown, context: GraphQLContext, info: GraphQLResolveInfo) => {
      if (Array.isArray(list) && list.length > multiplier) charge(list.length - multiplier, context, info)
      return list
    }
    return (parent, args, context, info) => {
      const list = resolver(parent, args, context, info)
      if (!(list instanceof Promise)) return counted(list, context as GraphQLContext, info)
      return list.then((entries) => counted(entries, context as GraphQLContext, info))
    }
  }
}

SchemaBuilder.registerPlugin('listCost', ListCostPlugin)

/** How many entries of as many lists are worth reading: with one more they would be refused. */
export function entriesMaxOf(lists: number, context: GraphQLContext, info: GraphQLResolveInfo): number {
  return lists * LIST_SIZE_ESTIMATE + Math.floor(QUERY_COST_MAX / costOfEntry(context, info)) + 1
}

/** @throws {GraphQLError} QUERY_TOO_COSTLY where the lists of an answer come to too much; each change of a request has its own */
function charge(entries: number, context: GraphQLContext, info: GraphQLResolveInfo): void {
  const { excess } = context
  const answer = info.operation.operation === OperationTypeNode.MUTATION ? rootOf(info.path) : ''
  const cost = (excess.get(answer) ?? 0) + entries * costOfEntry(context, info)
  excess.set(answer, cost)
  if (cost <= QUERY_COST_MAX) return
  const message = `Lists without a page size hold too much for one answer: ask for fewer orders or items at once, or for less of each`
  throw new GraphQLError(message, { extensions: { code: 'QUERY_TOO_COSTLY' } })
}

const costs = new WeakMap<object, number>()

/** What an entry of a list costs: as a fragment on its type, with which the operation begins, would. */
function costOfEntry(
  context: GraphQLContext,
  { fieldNodes, returnType, ...info }: GraphQLResolveInfo,
): number {
  const known = costs.get(fieldNodes)
  if (known !== undefined) return known
  const { schema, fragments, variableValues } = info
  const name = { kind: Kind.NAME, value: getNamedType(returnType).name } as const
  const typeCondition = { kind: Kind.NAMED_TYPE, name } as const
  const selections = fieldNodes.flatMap(({ selectionSet }) =>
    selectionSet ? [{ kind: Kind.INLINE_FRAGMENT, typeCondition, selectionSet } as const] : [],
  )
  const { complexity } = complexityFromQuery(
    {
      kind: Kind.DOCUMENT,
      definitions: [
        {
          kind: Kind.OPERATION_DEFINITION,
          operation: OperationTypeNode.QUERY,
          selectionSet: { kind: Kind.SELECTION_SET, selections },
        },
        ...Object.values(fragments),
      ],
    },
    { schema, ctx: context, variables: { ...variableValues } },
  )
  const cost = Math.max(complexity, 1)
  costs.set(fieldNodes, cost)
  return cost
}

function rootOf(path: GraphQLResolveInfo['path']): string | number {
  return path.prev ? rootOf(path.prev) : path.key
}
