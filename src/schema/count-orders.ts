import {
  type GraphQLDirective,
  GraphQLIncludeDirective,
  type GraphQLResolveInfo,
  GraphQLSkipDirective,
  getDirectiveValues,
  Kind,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import type { GraphQLContext } from './create-context.ts'

/** Operations whose orders were counted. */
const counted = new WeakSet<GraphQLContext>()

/**
 * How many orders an operation places, told to the resolver of the first; 0 to those of the others. Fields of an operation
 * run one after the other, and the first that fails leaves no answer to any: so all are counted before one is placed.
 */
export function countOrders(context: GraphQLContext, info: GraphQLResolveInfo): number {
  if (counted.has(context)) return 0
  counted.add(context)
  return findAnswersOf(info).size
}

/** The names in the answer under which an operation has a field of its own, wherever that stands in it. */
function findAnswersOf({ fieldName, operation, fragments, variableValues }: GraphQLResolveInfo): Set<string> {
  const names = new Set<string>()
  const isSet = (directive: GraphQLDirective, selection: SelectionNode) =>
    getDirectiveValues(directive, selection, variableValues)?.if
  const look = ({ selections }: SelectionSetNode) => {
    for (const selection of selections) {
      if (isSet(GraphQLSkipDirective, selection) === true) continue
      if (isSet(GraphQLIncludeDirective, selection) === false) continue
      if (selection.kind === Kind.INLINE_FRAGMENT) look(selection.selectionSet)
      else if (selection.kind === Kind.FRAGMENT_SPREAD) look(fragments[selection.name.value]!.selectionSet)
      else if (selection.name.value === fieldName) names.add(selection.alias?.value ?? fieldName)
    }
  }
  look(operation.selectionSet)
  return names
}
