import {
  BREAK,
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  executeSubscriptionEvent,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  mapSourceToResponseEvent,
  TypeInfo,
  type ValidatedSubscriptionArgs,
  validateSubscriptionArgs,
  visit,
  visitWithTypeInfo,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { Role } from '../../../domain/caller.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import { SharedResults } from './shared-results.ts'

/** What comes of a change of stock alone: nothing is read for it. */
const TYPES_OF_A_CHANGE = ['InventoryChange', 'InventoryMovement', 'Location']

/**
 * Executes a change of stock once for all streams of one text, where its fields come of the change alone. At 1,000 changes a second,
 * 40 streams would otherwise take most of a core, and leave so many of the executor's WeakMaps behind that V8 stops the process for
 * 150 to 300 ms to collect them.
 */
export function shareChanges(): Plugin<GraphQLContext> {
  // customers do not follow stock
  const results: Partial<Record<Role, SharedResults>> = {
    operator: new SharedResults(),
    service: new SharedResults(),
  }
  return {
    onSubscribe({ args, subscribeFn, setSubscribeFn }) {
      const shared = results[args.contextValue.caller.role]
      if (!shared || !isOfChangeAlone(args.schema, args.document)) return
      const text = args.document.loc!.source.body
      setSubscribeFn((args) => {
        const validated = validateSubscriptionArgs(args)
        return 'schema' in validated ? subscribe(validated, text, shared) : subscribeFn(args)
      })
    },
  }
}

async function subscribe(
  args: ValidatedSubscriptionArgs,
  text: string,
  shared: SharedResults,
): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const source = await createSourceEventStream(args)
  if (!(Symbol.asyncIterator in source)) return source
  return mapSourceToResponseEvent(args, source, (event) =>
    shared.of(event.rootValue as object, text, () => executeSubscriptionEvent(event)),
  )
}

/** What `isOfChangeAlone` has found: the parser's cache gives one document to all who send the same text. */
const found = new WeakMap<DocumentNode, boolean>()

/**
 * Whether all that a document asks comes of a change alone, for all who send it: it has one operation, no variable but in the
 * arguments of the subscription itself, which only choose the changes, and no alias, so that there is a bound to its result.
 */
function isOfChangeAlone(schema: GraphQLSchema, document: DocumentNode): boolean {
  const before = found.get(document)
  if (before !== undefined) return before
  const types = new TypeInfo(schema)
  let operations = 0
  let isAlone = document.loc !== undefined
  const refuse = () => {
    isAlone = false
    return BREAK
  }
  visit(
    document,
    visitWithTypeInfo(types, {
      OperationDefinition: () => (++operations > 1 ? refuse() : undefined),
      VariableDefinition: () => false,
      Variable: refuse,
      Argument: () =>
        types.getParentType() === schema.getSubscriptionType() && !types.getDirective() ? false : undefined,
      Field: ({ alias }) => {
        const type = getNamedType(types.getType())
        if (alias || (isCompositeType(type) && !TYPES_OF_A_CHANGE.includes(type.name))) return refuse()
      },
    }),
  )
  found.set(document, isAlone)
  return isAlone
}
