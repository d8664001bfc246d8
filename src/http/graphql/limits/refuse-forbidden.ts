import {
  type DocumentNode,
  type ExecutionArgs,
  type GraphQLError,
  getNamedType,
  isObjectType,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { isAllowed } from '../../../domain/authorisation.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import { actionOf } from '../../../schema/field-action.ts'
import { codedError } from '../graphql-errors.ts'
import { fieldsOfMutation, type SelectedField } from './selected-fields.ts'

/**
 * Refuses a mutation that asks for what its caller's role may not do or see, before any field runs: at any depth. Such a field
 * can null all above it, and so hide what was done: the caller of `createOrder` would not learn the order's id.
 */
export const refuseForbidden: Plugin = {
  onExecute({ args, setExecuteFn }) {
    const error = findForbidden(args)
    if (error) setExecuteFn(() => ({ errors: [error] }))
  },
}

function findForbidden(args: ExecutionArgs): GraphQLError | undefined {
  const mutation = hasScopes(args) ? fieldsOfMutation(args) : undefined
  if (!mutation) return undefined
  const { caller } = args.contextValue as GraphQLContext
  const look = (fields: readonly SelectedField[]): GraphQLError | undefined => {
    for (const { field, type } of fields) {
      const definition = isObjectType(type) ? type.getFields()[field.name.value] : undefined
      const action = definition && actionOf(definition)
      if (action && !isAllowed(caller, action)) {
        const name = `${type.name}.${field.name.value}`
        const message = `The role ${caller.role} may not use ${name}: nothing of this mutation was done`
        return codedError(message, 'FORBIDDEN', { nodes: field })
      }
      const error =
        definition &&
        field.selectionSet &&
        look(mutation.fieldsOf(field.selectionSet, getNamedType(definition.type)))
      if (error) return error
    }
    return undefined
  }
  return look(mutation.fields)
}

/** By document, which is parsed once for all its calls: most have no such field, and are not looked at again. */
const known = new WeakMap<DocumentNode, boolean>()

/** Whether anything in a document is not for every role. */
function hasScopes({ schema, document }: ExecutionArgs): boolean {
  const before = known.get(document)
  if (before !== undefined) return before
  let found = false
  const types = new TypeInfo(schema)
  const look = () => {
    const definition = types.getFieldDef()
    if (definition && actionOf(definition)) found = true
  }
  visit(document, visitWithTypeInfo(types, { Field: look }))
  known.set(document, found)
  return found
}
