import {
  type ExecutionArgs,
  type GraphQLDirective,
  GraphQLError,
  GraphQLIncludeDirective,
  GraphQLSkipDirective,
  getDirectiveValues,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { budgetOf } from '../../../domain/caller.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import type { OrderBudgets } from '../../../use-cases/orders/create-order.ts'

/**
 * Counts all orders of a mutation against its caller's rate limit before any field runs. A refused mutation so has no effect,
 * and can be repeated as it is. Counted one by one, an order over the limit would null `data`, and hide the results of the
 * fields before it.
 */
export function limitOrders(limiter: OrderBudgets): Plugin {
  return {
    onExecute({ args, executeFn, setExecuteFn }) {
      const orders = countOrders(args)
      if (orders === 0) return
      setExecuteFn(async (stoppable) => {
        const error = await findExcess(limiter, orders, args)
        return error ? { errors: [error] } : executeFn(stoppable)
      })
    },
  }
}

async function findExcess(
  limiter: OrderBudgets,
  orders: number,
  { contextValue }: ExecutionArgs,
): Promise<GraphQLError | undefined> {
  const { caller, address } = contextValue as GraphQLContext
  try {
    await limiter.take(budgetOf(caller, address), orders)
    return undefined
  } catch (error) {
    return new GraphQLError('Orders could not be counted', { originalError: error as Error })
  }
}

const FIELD = 'createOrder'

/**
 * How many orders an operation would place: the names in its answer under which it has `createOrder`, wherever that stands
 * in it. 0 for variables that do not fit, with which it is not run.
 */
function countOrders({ schema, document, operationName, variableValues }: ExecutionArgs): number {
  const operation = getOperationAST(document, operationName)
  if (operation?.operation !== OperationTypeNode.MUTATION) return 0
  const variables = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {})
  if (variables.errors) return 0
  const names = new Set<string>()
  // a fragment is the same wherever it is used: looked at once, however many use it
  const fragments = new Map<string, SelectionSetNode>()
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION)
      fragments.set(definition.name.value, definition.selectionSet)
  }
  const isSet = (directive: GraphQLDirective, selection: SelectionNode) =>
    getDirectiveValues(directive, selection, variables.variableValues)?.if
  const look = (set: SelectionSetNode | undefined) => {
    for (const selection of set?.selections ?? []) {
      if (isSet(GraphQLSkipDirective, selection) === true) continue
      if (isSet(GraphQLIncludeDirective, selection) === false) continue
      if (selection.kind === Kind.INLINE_FRAGMENT) look(selection.selectionSet)
      else if (selection.kind === Kind.FRAGMENT_SPREAD) {
        const { value } = selection.name
        look(fragments.get(value))
        fragments.delete(value)
      } else if (selection.name.value === FIELD) names.add(selection.alias?.value ?? FIELD)
    }
  }
  look(operation.selectionSet)
  return names.size
}
