import { complexityFromQuery } from '@pothos/plugin-complexity'
import {
  type DocumentNode,
  type ExecutionArgs,
  GraphQLError,
  getOperationAST,
  Kind,
  type OperationDefinitionNode,
  type ParseOptions,
  parse,
  type Source,
  visit,
} from 'graphql'
import type { Plugin } from 'graphql-yoga'
import { CallError } from '../../../domain/errors.ts'
import {
  ALIASES_MAX,
  DIRECTIVES_MAX,
  NESTING_MAX,
  QUERY_BREADTH_MAX,
  QUERY_COST_MAX,
  QUERY_DEPTH_MAX,
  TOKENS_MAX,
} from '../../../limits.ts'
import { codedError } from '../graphql-errors.ts'

/**
 * Refuses documents and operations that would cost too much, before anything of them is run: on every transport, for all
 * of them parse and execute by the same functions.
 *
 * What is in the document itself is looked at as it is parsed, and the verdict is kept with the parsed document. What an
 * operation costs depends on the page sizes that it asks for, and so on its variables.
 */
export const limitQueries: Plugin = {
  onParse: ({ setParseFn }) => setParseFn(parseWithinLimits),
  // not by stopping: what others do with results is done with these as well
  onExecute({ args, setExecuteFn }) {
    const error = findCostError(args)
    if (error) setExecuteFn(() => ({ errors: [error] }))
  },
  onSubscribe({ args, setSubscribeFn }) {
    const error = findCostError(args)
    if (error) setSubscribeFn(() => ({ errors: [error] }))
  },
}

/** @throws {GraphQLError} for a document with a mistake of syntax or too much of something */
function parseWithinLimits(source: string | Source, options?: ParseOptions): DocumentNode {
  const document = parseTokens(source, options)
  const { fields, aliases, introspectionAliases, directives, nesting } = count(document)
  if (nesting > NESTING_MAX) throw tooCostly('nesting', NESTING_MAX, nesting)
  if (aliases > ALIASES_MAX) throw tooCostly('aliases', ALIASES_MAX, aliases)
  if (introspectionAliases > 0) throw tooCostly('aliases in an introspection', 0, introspectionAliases)
  if (directives > DIRECTIVES_MAX) throw tooCostly('directives', DIRECTIVES_MAX, directives)
  // fields of one name are compared each with each when the document is validated: 4,000 of them took 0.3 s
  if (fields > QUERY_BREADTH_MAX) throw tooCostly('fields', QUERY_BREADTH_MAX, fields)
  return document
}

function parseTokens(source: string | Source, options?: ParseOptions): DocumentNode {
  try {
    return parse(source, { ...options, maxTokens: TOKENS_MAX })
  } catch (error) {
    if (error instanceof GraphQLError && error.message.includes('tokens. Parsing aborted')) {
      throw tooCostly('tokens', TOKENS_MAX, `more than ${TOKENS_MAX}`)
    }
    // a parser calls itself for each bracket, and some thousand of them are more than a stack holds
    if (error instanceof RangeError) throw tooCostly('nesting', NESTING_MAX, 'far more')
    throw error
  }
}

/**
 * Counts what is in the text of a document; a fragment counts as a field wherever it is used. Below `__schema` and
 * `__type` an alias is something else: the schema's own fields carry no cost, and lists in lists under a few names each
 * would come to millions of values. Nesting is that of values and of lists in types.
 */
function count(document: DocumentNode) {
  const counts = { fields: 0, aliases: 0, introspectionAliases: 0, directives: 0, nesting: 0 }
  let introspections = 0
  let level = 0
  const nested = {
    enter() {
      level++
      counts.nesting = Math.max(counts.nesting, level)
    },
    leave() {
      level--
    },
  }
  visit(document, {
    Field: {
      enter({ name, alias }) {
        counts.fields++
        if (isOfIntrospection(name.value)) introspections++
        if (alias && introspections > 0) counts.introspectionAliases++
        else if (alias) counts.aliases++
      },
      leave({ name }) {
        if (isOfIntrospection(name.value)) introspections--
      },
    },
    FragmentDefinition: {
      enter({ typeCondition }) {
        if (typeCondition.name.value.startsWith('__')) introspections++
      },
      leave({ typeCondition }) {
        if (typeCondition.name.value.startsWith('__')) introspections--
      },
    },
    FragmentSpread() {
      counts.fields++
    },
    InlineFragment() {
      counts.fields++
    },
    Directive() {
      counts.directives++
    },
    ListValue: nested,
    ObjectValue: nested,
    ListType: nested,
  })
  return counts
}

function isOfIntrospection(field: string): boolean {
  return field === '__schema' || field === '__type'
}

/** Operations that are within the limits, whatever their variables. */
const harmless = new WeakSet<OperationDefinitionNode>()

/** What is wrong with the cost of an operation that is valid. */
function findCostError(args: ExecutionArgs): GraphQLError | undefined {
  const { schema, document, operationName, variableValues, contextValue } = args
  const operation = getOperationAST(document, operationName)
  // with none to run, execution says so
  if (!operation || harmless.has(operation)) return undefined
  try {
    const { depth, breadth, complexity } = complexityFromQuery(withOnly(operation, document), {
      schema,
      ctx: contextValue as object,
      variables: { ...variableValues },
    })
    if (depth > QUERY_DEPTH_MAX) return tooCostly('depth', QUERY_DEPTH_MAX, depth)
    if (breadth > QUERY_BREADTH_MAX) return tooCostly('fields', QUERY_BREADTH_MAX, breadth)
    if (complexity > QUERY_COST_MAX) return tooCostly('cost', QUERY_COST_MAX, complexity)
  } catch (error) {
    if (error instanceof CallError) return codedError(error.message, error.code)
    // variables that do not fit
    if (error instanceof GraphQLError) return error
    throw error
  }
  if (!hasPageSizeByVariable(document)) harmless.add(operation)
  return undefined
}

/** The document without its other operations: the plugin looks at the first. */
function withOnly(operation: OperationDefinitionNode, document: DocumentNode): DocumentNode {
  const definitions = document.definitions.filter(
    (definition) => definition === operation || definition.kind === Kind.FRAGMENT_DEFINITION,
  )
  return { ...document, definitions }
}

function hasPageSizeByVariable(document: DocumentNode): boolean {
  let found = false
  visit(document, {
    Argument({ name, value }) {
      if ((name.value === 'first' || name.value === 'last') && value.kind === Kind.VARIABLE) found = true
    },
  })
  return found
}

function tooCostly(limit: string, max: number, asked: number | string): GraphQLError {
  const message = `The query has too much ${limit}: ${asked}, and at most ${max} is allowed`
  return codedError(message, 'QUERY_TOO_COSTLY')
}
