import {
  type ExecutionArgs,
  type FieldNode,
  type GraphQLDirective,
  GraphQLIncludeDirective,
  type GraphQLNamedType,
  GraphQLSkipDirective,
  getDirectiveValues,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** A field that an operation asks for, and the type that it is of. */
export type SelectedField = { field: FieldNode; type: GraphQLNamedType }

/** Lists the fields of a selection set, with those of its fragments. */
type FieldsOf = (set: SelectionSetNode, type: GraphQLNamedType) => SelectedField[]

/**
 * Finds what a mutation asks for, without what it leaves out by `@skip` and `@include`. A fragment is the same wherever it is
 * used: its fields are listed once, however many use it.
 *
 * @returns the mutation's own fields, and what lists those of others; undefined for another operation, and for variables that
 *   do not fit, with which it is not run
 */
export function fieldsOfMutation({
  schema,
  document,
  operationName,
  variableValues,
}: ExecutionArgs): { fields: SelectedField[]; fieldsOf: FieldsOf } | undefined {
  const operation = getOperationAST(document, operationName)
  if (operation?.operation !== OperationTypeNode.MUTATION) return undefined
  const variables = getVariableValues(schema, operation.variableDefinitions ?? [], variableValues ?? {})
  if (variables.errors) return undefined
  const fragments = new Map(
    document.definitions.flatMap((definition) =>
      definition.kind === Kind.FRAGMENT_DEFINITION ? [[definition.name.value, definition]] : [],
    ),
  )
  const takeFragment = (name: string) => {
    const fragment = fragments.get(name)
    fragments.delete(name)
    return fragment
  }
  const isSet = (directive: GraphQLDirective, selection: SelectionNode) =>
    getDirectiveValues(directive, selection, variables.variableValues)?.if
  const fieldsOf: FieldsOf = ({ selections }, type) =>
    selections.flatMap((selection): SelectedField[] => {
      if (isSet(GraphQLSkipDirective, selection) === true) return []
      if (isSet(GraphQLIncludeDirective, selection) === false) return []
      if (selection.kind === Kind.FIELD) return [{ field: selection, type }]
      const fragment =
        selection.kind === Kind.INLINE_FRAGMENT ? selection : takeFragment(selection.name.value)
      if (!fragment) return []
      const { typeCondition, selectionSet } = fragment
      return fieldsOf(selectionSet, (typeCondition && schema.getType(typeCondition.name.value)) ?? type)
    })
  return { fields: fieldsOf(operation.selectionSet, schema.getMutationType()!), fieldsOf }
}
