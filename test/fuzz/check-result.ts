import {
  type DocumentNode,
  type FieldNode,
  GraphQLError,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  getVariableValues,
  isEnumType,
  isInterfaceType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
  SchemaMetaFieldDef,
  type SelectionNode,
  type SelectionSetNode,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
  validate,
} from 'graphql'
import type { GraphQLErrorCode } from '../../src/http/graphql/graphql-errors.ts'

/** What was asked, as far as the call says it: undefined where it is no request. */
export type Asked =
  | { query: string; variables?: unknown; operationName?: string | null | undefined }
  | undefined

/** What a caller may be told of a call that was not answered. That the service failed or is away is not among it. */
const IS_ANSWER: Record<GraphQLErrorCode, boolean> = {
  BAD_USER_INPUT: true,
  NOT_FOUND: true,
  UNAUTHENTICATED: true,
  FORBIDDEN: true,
  RATE_LIMITED: true,
  UNAVAILABLE: false,
  BAD_REQUEST: true,
  METHOD_NOT_ALLOWED: true,
  NOT_ACCEPTABLE: true,
  REQUEST_ENTITY_TOO_LARGE: true,
  UNSUPPORTED_MEDIA_TYPE: true,
  GRAPHQL_PARSE_FAILED: true,
  GRAPHQL_VALIDATION_FAILED: true,
  OPERATION_RESOLUTION_FAILURE: true,
  PERSISTED_DOCUMENT_NOT_FOUND: false,
  // of a call that names a document by its id or hash, and has no text
  PERSISTED_QUERY_NOT_SUPPORTED: true,
  PERSISTED_DOCUMENT_REQUIRED: false,
  QUERY_TOO_COSTLY: true,
  TOO_MANY_STREAMS: false,
  TIMED_OUT: false,
  INTERNAL_SERVER_ERROR: false,
}

/** What a scalar's values look like in JSON. One of the schema that is not here is a finding. */
const SCALARS: Record<string, (value: unknown) => boolean> = {
  ID: (value) => typeof value === 'string' && value !== '',
  String: (value) => typeof value === 'string',
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value) && value === ((value as number) | 0),
  Float: Number.isFinite,
  DateTime: (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
  Quantity: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  JSON: () => true,
}

/**
 * What is wrong with a result of GraphQL, by its schema and by what was asked: nothing where all is right.
 *
 * @param onField hears of each field that has a value, as `Type.field`
 */
export function checkResult(
  schema: GraphQLSchema,
  asked: Asked,
  result: unknown,
  onField: (coordinate: string) => void = () => {},
): string[] {
  if (!isRecord(result)) return ['is no object']
  const { data, errors, ...others } = result
  const faults = Object.keys(others).map((name) => `has "${name}", which is no part of a result`)
  if (errors !== undefined) faults.push(...checkErrors(errors, data))
  if (data === undefined) return errors === undefined ? [...faults, 'has neither data nor errors'] : faults
  if (data === null && errors === undefined) faults.push('has no data and does not say why')
  return [...faults, ...checkData(schema, asked, data, onField)]
}

function checkErrors(errors: unknown, data: unknown): string[] {
  if (!Array.isArray(errors) || errors.length === 0) return ['errors is no list with something in it']
  return errors.flatMap((error, index) => checkError(error, data).map((fault) => `errors[${index}] ${fault}`))
}

function checkError(error: unknown, data: unknown): string[] {
  if (!isRecord(error)) return ['is no object']
  const { message, locations, path, extensions, ...others } = error
  const faults = Object.keys(others).map((name) => `has "${name}", which is no part of an error`)
  if (typeof message !== 'string' || message === '') faults.push('has no message')
  const isPlace = (place: unknown) => isRecord(place) && Number(place.line) > 0 && Number(place.column) > 0
  if (locations !== undefined && !(Array.isArray(locations) && locations.every(isPlace)))
    faults.push('has locations that are none')
  const { code, retryAfter: _, ...inside } = isRecord(extensions) ? extensions : {}
  if (IS_ANSWER[code as GraphQLErrorCode] !== true) faults.push(`has the code ${JSON.stringify(code)}`)
  faults.push(...Object.keys(inside).map((name) => `has "${name}" in its extensions`))
  if (path === undefined)
    return data === undefined ? faults : [...faults, 'is of no field, and there is data']
  if (!Array.isArray(path)) return [...faults, 'has a path that is none']
  let value = data
  for (const key of path) value = isRecord(value) || Array.isArray(value) ? value[key as never] : value
  if (value != null) faults.push(`is of ${JSON.stringify(path)}, which has a value`)
  return faults
}

function checkData(
  schema: GraphQLSchema,
  asked: Asked,
  data: unknown,
  onField: (coordinate: string) => void,
): string[] {
  if (asked === undefined) return ['has data for a call that asks for nothing']
  let document: DocumentNode
  try {
    document = parse(asked.query)
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error
    return ['has data for a document that cannot be parsed']
  }
  if (validate(schema, document).length > 0) return ['has data for a document that is not valid']
  // an empty name in an address is none
  const operation = getOperationAST(document, asked.operationName || undefined)
  if (!operation) return ['has data for an operation that there is not']
  const variables = getVariableValues(
    schema,
    operation.variableDefinitions ?? [],
    (asked.variables ?? {}) as Record<string, unknown>,
  )
  if ('errors' in variables && variables.errors) return ['has data for variables that do not fit']
  if (data === null) return []
  const { coerced } = variables.variableValues
  const check = new SelectionCheck(schema, document, coerced, onField)
  check.object(schema.getRootType(operation.operation)!, [operation.selectionSet], data, 'data')
  return check.faults
}

/** Holds values against the selections that asked for them. */
class SelectionCheck {
  readonly faults: string[] = []
  readonly #schema: GraphQLSchema
  readonly #document: DocumentNode
  readonly #onField: (coordinate: string) => void
  readonly #variables: Readonly<Record<string, unknown>>

  constructor(
    schema: GraphQLSchema,
    document: DocumentNode,
    variables: Readonly<Record<string, unknown>>,
    onField: (coordinate: string) => void,
  ) {
    this.#schema = schema
    this.#onField = onField
    this.#document = document
    this.#variables = variables
  }

  /** An object with every key that was asked for, in that order, and no other. */
  object(type: GraphQLObjectType, sets: readonly SelectionSetNode[], value: unknown, path: string): void {
    if (!isRecord(value)) {
      this.faults.push(`${path} is no object`)
      return
    }
    const fields = new Map<string, FieldNode[]>()
    for (const set of sets) this.#collect(type, set, fields)
    const keys = Object.keys(value)
    const asked = [...fields.keys()]
    if (keys.join() !== asked.join())
      this.faults.push(`${path} has the keys ${keys}, and was asked for ${asked}`)
    for (const [key, nodes] of fields) {
      if (!Object.hasOwn(value, key)) continue
      if (value[key] !== null) this.#onField(`${type.name}.${nodes[0]!.name.value}`)
      const fieldType = this.#fieldOf(type, nodes[0]!.name.value)
      const below = nodes.flatMap(({ selectionSet }) => (selectionSet ? [selectionSet] : []))
      if (nodes[0]!.name.value === '__typename' && value[key] !== type.name)
        this.faults.push(`${path}.${key} is not ${type.name}`)
      this.#value(fieldType, below, value[key], `${path}.${key}`)
    }
  }

  #fieldOf(type: GraphQLObjectType, name: string): GraphQLOutputType {
    const meta = [TypeNameMetaFieldDef, TypeMetaFieldDef, SchemaMetaFieldDef].find((def) => def.name === name)
    return (meta ?? type.getFields()[name]!).type
  }

  #value(type: GraphQLOutputType, below: readonly SelectionSetNode[], value: unknown, path: string): void {
    if (isNonNullType(type)) {
      if (value === null) {
        this.faults.push(`${path} is null`)
        return
      }
      this.#value(type.ofType, below, value, path)
      return
    }
    if (value === null) return
    if (isListType(type)) {
      if (!Array.isArray(value)) {
        this.faults.push(`${path} is no list`)
        return
      }
      for (const [index, item] of value.entries()) this.#value(type.ofType, below, item, `${path}[${index}]`)
      return
    }
    const named = getNamedType(type)
    if (isObjectType(named)) {
      this.object(named, below, value, path)
      return
    }
    if (isInterfaceType(named)) {
      // fuzzed documents ask for it
      const name = isRecord(value) ? value.__typename : undefined
      const type = this.#schema.getPossibleTypes(named).find((possible) => possible.name === name)
      if (type) this.object(type, below, value, path)
      else this.faults.push(`${path} is no ${named.name}: ${JSON.stringify(value)}`)
      return
    }
    const isOne = isEnumType(named)
      ? typeof value === 'string' && named.getValue(value) !== undefined
      : SCALARS[named.name]?.(value)
    if (!isOne) this.faults.push(`${path} is no ${named.name}: ${JSON.stringify(value)}`)
  }

  #collect(type: GraphQLObjectType, set: SelectionSetNode, fields: Map<string, FieldNode[]>): void {
    for (const selection of set.selections) {
      if (!this.#isIncluded(selection)) continue
      if (selection.kind === Kind.FIELD) {
        const key = (selection.alias ?? selection.name).value
        fields.set(key, [...(fields.get(key) ?? []), selection])
      } else {
        const fragment =
          selection.kind === Kind.INLINE_FRAGMENT ? selection : this.#fragment(selection.name.value)
        const condition = fragment.typeCondition?.name.value
        const isMet =
          condition === type.name || type.getInterfaces().some((parent) => parent.name === condition)
        if (condition === undefined || isMet) this.#collect(type, fragment.selectionSet, fields)
      }
    }
  }

  #fragment(name: string) {
    for (const definition of this.#document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION && definition.name.value === name) return definition
    }
    throw new Error(`there is no fragment ${name}`)
  }

  #isIncluded({ directives = [] }: SelectionNode): boolean {
    return directives.every(({ name, arguments: [argument] = [] }) => {
      const value = argument?.value
      const condition =
        value?.kind === Kind.VARIABLE
          ? this.#variables[value.name.value]
          : value?.kind === Kind.BOOLEAN && value.value
      return name.value === 'skip' ? condition === false : condition === true
    })
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
