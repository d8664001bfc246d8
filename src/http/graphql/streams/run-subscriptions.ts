import { execute } from '@graphql-tools/executor'
import {
  BREAK,
  createSourceEventStream,
  type ExecutionArgs,
  type ExecutionResult,
  mapSourceToResponseEvent,
  validateSubscriptionArgs,
  visit,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import type { GraphQLContext } from '../../../schema/create-context.ts'
import { SharedResults } from './shared-results.ts'

type SubscriptionArgs = ExecutionArgs & { contextValue: GraphQLContext }

/** Runs subscriptions, and executes an event once for all streams that ask the same of it. */
export function runSubscriptions(): Plugin<GraphQLContext> {
  const shared = new SharedResults()
  return {
    onSubscribe({ setSubscribeFn }) {
      setSubscribeFn((args) => subscribe(args as SubscriptionArgs, shared))
    },
  }
}

async function subscribe(
  args: SubscriptionArgs,
  shared: SharedResults,
): Promise<AsyncIterable<ExecutionResult> | ExecutionResult> {
  const validated = validateSubscriptionArgs(args)
  if (!('schema' in validated)) return { errors: validated }
  const source = await createSourceEventStream(validated)
  if (!(Symbol.asyncIterator in source)) return source
  // by Yoga's executor: resolvers that read rows together know each other by its `info.fieldNodes`
  const run = (event: unknown) =>
    execute({ ...args, rootValue: event }) as Promise<ExecutionResult> | ExecutionResult
  const question = questionOf(args)
  return mapSourceToResponseEvent(validated, source, ({ rootValue: event }) =>
    question === undefined ? run(event) : shared.of(event as object, question, () => run(event)),
  )
}

/** What a stream asks of each event, with its caller's role. @returns undefined where no other stream can ask the same */
function questionOf(args: SubscriptionArgs): string | undefined {
  const { document, operationName, contextValue } = args
  const text = document.loc?.source.body
  if (!contextValue.sharesResults || text === undefined || hasVariableResults(args)) return undefined
  return JSON.stringify([contextValue.caller.role, operationName, text])
}

/** Whether the answer to an event depends on a variable. Those in a subscription's own arguments only choose the events. */
function hasVariableResults({ schema, document }: SubscriptionArgs): boolean {
  const subscriptions = schema.getSubscriptionType()!.getFields()
  let isFound = false
  visit(document, {
    VariableDefinition: () => false,
    Field: (field) => (field.name.value in subscriptions ? { ...field, arguments: [] } : undefined),
    Variable: () => {
      isFound = true
      return BREAK
    },
  })
  return isFound
}
