import {
  BREAK,
  createSourceEventStream,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  executeSubscriptionEvent,
  type GraphQLSchema,
  Kind,
  mapSourceToResponseEvent,
  type OperationDefinitionNode,
  type RootSelectionSetExecutor,
  validateSubscriptionArgs,
  visit,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { ROLES, type Role } from '../../../domain/caller.ts'
import type { GraphQLContext } from '../../../schema/create-context.ts'

type SubscriptionArgs = ExecutionArgs & { contextValue: GraphQLContext }

/**
 * Runs subscriptions by graphql-js. Yoga's executor, which is faster for queries and mutations, makes some twenty WeakMaps for each
 * event: at 40,000 events a second, V8 stops the process every 3 s for 150 to 300 ms to collect them.
 */
export const runSubscriptions: Plugin<GraphQLContext> = {
  onSubscribe({ setSubscribeFn }) {
    setSubscribeFn((args) => subscribe(args as SubscriptionArgs))
  },
}

async function subscribe(args: SubscriptionArgs): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const validated = validateSubscriptionArgs(args)
  if (!('schema' in validated)) return { errors: validated }
  const source = await createSourceEventStream(validated)
  if (!(Symbol.asyncIterator in source)) return source
  const { sharesResults, caller } = args.contextValue
  const isShared = sharesResults && !hasVariableResults(args)
  return mapSourceToResponseEvent(validated, source, isShared ? shareResults(caller.role) : undefined)
}

/** Whether a variable says what is told of an event. Those of a subscription's own arguments say only which events come. */
function hasVariableResults({
  schema,
  document,
}: {
  schema: GraphQLSchema
  document: DocumentNode
}): boolean {
  const subscriptions = schema.getSubscriptionType()!.getFields()
  let isFound = false
  visit(document, {
    VariableDefinition: () => false,
    Argument: (_argument, _key, _parent, _path, ancestors) => {
      const field = ancestors.at(-1)
      return field && 'kind' in field && field.kind === Kind.FIELD && field.name.value in subscriptions
        ? false
        : undefined
    },
    Variable: () => {
      isFound = true
      return BREAK
    },
  })
  return isFound
}

type Result = ReturnType<RootSelectionSetExecutor>

/** What events came to, for callers of each role. The parser's cache gives one operation to all who send the same text. */
const results = Object.fromEntries(
  ROLES.map((role) => [role, new WeakMap<object, Map<OperationDefinitionNode, Result>>()]),
) as Record<Role, WeakMap<object, Map<OperationDefinitionNode, Result>>>

/** Executes an operation once for each event, whichever stream comes first. */
function shareResults(role: Role): RootSelectionSetExecutor {
  return (args) => {
    const event = args.rootValue as object
    const known = results[role].get(event)
    const ofEvent = known ?? new Map<OperationDefinitionNode, Result>()
    if (!known) results[role].set(event, ofEvent)
    const result = ofEvent.get(args.operation) ?? executeSubscriptionEvent(args)
    ofEvent.set(args.operation, result)
    return result
  }
}
