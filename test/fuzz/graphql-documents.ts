import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  OperationTypeNode,
  SchemaMetaFieldDef,
  TypeMetaFieldDef,
  TypeNameMetaFieldDef,
} from 'graphql'
import type { Choices } from './choices.ts'
import { anyJson, type Corpus, HOSTILE_NUMBERS, HOSTILE_STRINGS } from './values.ts'

/** A document with the variables that it declares. */
export type Request = { query: string; variables: Record<string, unknown>; operationName: string | undefined }

type Field = GraphQLField<unknown, unknown>

/** From a query to the fields of a list's node is 4; the service takes 12. */
const DEPTH_MAX = 6
const DEPTH_BEYOND = 16
const FIELDS_MAX = 4

/**
 * Writes a document by a schema: any of its fields with any arguments, by literals and by variables, under aliases and
 * directives, in fragments of both kinds. All is as the schema wants it but for an argument now and then that is hostile
 * or of another type; other mistakes are for who damages the text.
 */
export function generateRequest(
  choices: Choices,
  schema: GraphQLSchema,
  corpus: Corpus,
  kind: OperationTypeNode,
): Request {
  return new DocumentWriter(choices, schema, corpus).write(kind)
}

class DocumentWriter {
  readonly #choices: Choices
  readonly #schema: GraphQLSchema
  readonly #corpus: Corpus
  readonly #declarations: string[] = []
  readonly #variables: Record<string, unknown> = {}
  readonly #fragments: string[] = []
  #aliases = 0

  constructor(choices: Choices, schema: GraphQLSchema, corpus: Corpus) {
    this.#choices = choices
    this.#schema = schema
    this.#corpus = corpus
  }

  write(kind: OperationTypeNode): Request {
    const root = this.#schema.getRootType(kind)!
    const depth = this.#choices.oneIn(40) ? DEPTH_BEYOND : 1 + this.#choices.below(DEPTH_MAX)
    const isNamed = this.#choices.oneIn(4)
    const selections =
      kind === OperationTypeNode.SUBSCRIPTION
        ? `{ ${this.#field(this.#choices.pick(Object.values(root.getFields())), depth, false)} }`
        : this.#selections(root, depth)
    const declared = this.#declarations.length > 0 ? `(${this.#declarations.join(', ')})` : ''
    const head = `${kind}${isNamed ? ' Fuzzed' : ''}${declared}`
    return {
      query: [`${head} ${selections}`, ...this.#fragments].join('\n'),
      variables: this.#variables,
      operationName: isNamed && this.#choices.oneIn(2) ? 'Fuzzed' : undefined,
    }
  }

  #selections(type: GraphQLObjectType, depth: number): string {
    const parts: string[] = []
    const taken = new Set<string>()
    for (let left = 1 + this.#choices.below(FIELDS_MAX); left > 0; left--) {
      const wrapper = this.#choices.weighted([
        [24, 'none'],
        [1, 'inline'],
        [1, 'typed'],
        [1, 'fragment'],
      ] as const)
      const field = this.#pickField(type, depth)
      // what is there twice must be the same, arguments and all: under another name it need not be
      const isApart = wrapper !== 'none' || taken.has(field.name)
      taken.add(field.name)
      const text = this.#field(field, depth, isApart)
      parts.push(this.#wrap(wrapper, text, type))
    }
    return `{ ${parts.join(' ')} }`
  }

  #wrap(
    wrapper: 'none' | 'inline' | 'typed' | 'fragment',
    text: string,
    { name }: GraphQLObjectType,
  ): string {
    if (wrapper === 'none') return text
    if (wrapper === 'inline') return `...${this.#directive()} { ${text} }`
    if (wrapper === 'typed') return `... on ${name}${this.#directive()} { ${text} }`
    const fragment = `F${this.#fragments.length}`
    this.#fragments.push(`fragment ${fragment} on ${name} { ${text} }`)
    return `...${fragment}${this.#directive()}`
  }

  #pickField(type: GraphQLObjectType, depth: number): Field {
    const isQuery = type === this.#schema.getQueryType()
    if (this.#choices.oneIn(25)) {
      return this.#choices.pick(
        isQuery ? [TypeNameMetaFieldDef, TypeMetaFieldDef, SchemaMetaFieldDef] : [TypeNameMetaFieldDef],
      ) as Field
    }
    const fields = Object.values(type.getFields())
    const leaves = fields.filter((field) => isLeafType(getNamedType(field.type)))
    const others = fields.filter((field) => !leaves.includes(field))
    // what lies deep is reached by few else
    if (depth > 1 && others.length > 0 && this.#choices.oneIn(3)) return this.#choices.pick(others)
    if (depth > 1) return this.#choices.pick(fields)
    return this.#choices.pick(leaves.length > 0 ? leaves : [TypeNameMetaFieldDef as Field])
  }

  #field(field: Field, depth: number, isApart: boolean): string {
    const alias = isApart || this.#choices.oneIn(10) ? `a${this.#aliases++}: ` : ''
    const args = this.#arguments(field)
    const type = getNamedType(field.type)
    const directive = this.#directive()
    const below = this.#below(type, depth)
    return `${alias}${field.name}${args}${directive}${below}`
  }

  /** What is asked of a field's value; of an interface, by the fragment of one of its types. */
  #below(type: GraphQLNamedType, depth: number): string {
    if (isObjectType(type)) return ` ${this.#selections(type, depth - 1)}`
    if (!isInterfaceType(type)) return ''
    const possible = this.#choices.pick(this.#schema.getPossibleTypes(type))
    return ` { __typename id ... on ${possible.name} ${this.#selections(possible, depth - 1)} }`
  }

  #directive(): string {
    if (!this.#choices.oneIn(20)) return ''
    const value = this.#choices.oneIn(2)
      ? this.#declare('Boolean!', this.#choices.oneIn(8) ? anyJson(this.#choices) : this.#choices.oneIn(2))
      : String(this.#choices.oneIn(2))
    return ` @${this.#choices.pick(['include', 'skip'])}(if: ${value})`
  }

  #arguments({ name: fieldName, args }: Field): string {
    const written = args.flatMap(({ name, type, defaultValue }) => {
      const isRequired = isNonNullType(type) && defaultValue === undefined
      if (isRequired ? this.#choices.oneIn(60) : !this.#choices.oneIn(4)) return []
      const own = `${fieldName} ${name}`
      const value = generateValue(this.#choices, type, this.#corpus[own] ? own : name, this.#corpus)
      const text = this.#choices.oneIn(2) ? this.#declare(String(type), value) : writeLiteral(type, value)
      return [`${name}: ${text}`]
    })
    return written.length > 0 ? `(${written.join(', ')})` : ''
  }

  #declare(type: string, value: unknown): string {
    const name = `v${this.#declarations.length}`
    this.#declarations.push(`$${name}: ${type}`)
    // now and then nothing is sent for it
    if (!this.#choices.oneIn(40)) this.#variables[name] = value
    return `$${name}`
  }
}

/** A value for an argument or a field of an input, most of the time of its type. */
function generateValue(choices: Choices, type: GraphQLInputType, name: string, corpus: Corpus): unknown {
  if (choices.oneIn(40)) return anyJson(choices)
  const nullable = getNullableType(type)
  if (nullable === type && choices.oneIn(12)) return null
  if (isListType(nullable)) {
    const length = choices.oneIn(30) ? 101 : choices.below(4)
    return Array.from({ length }, () => generateValue(choices, nullable.ofType, name, corpus))
  }
  if (isInputObjectType(nullable)) {
    const fields = Object.values(nullable.getFields()).filter(
      (field) => isNonNullType(field.type) || choices.oneIn(3),
    )
    const entries = fields.map((field) => {
      const own = `${nullable.name}.${field.name}`
      return [field.name, generateValue(choices, field.type, corpus[own] ? own : field.name, corpus)]
    })
    if (choices.oneIn(60)) entries.push(['unknownField', 1])
    return Object.fromEntries(entries)
  }
  const known = corpus[name]
  if (known && !choices.oneIn(8)) return choices.pick(known)
  if (isEnumType(nullable)) return choices.pick(nullable.getValues()).name
  const typeName = getNamedType(nullable).name
  if (typeName === 'Boolean') return choices.oneIn(2)
  if (typeName === 'Int' || typeName === 'Float') return choices.pick(HOSTILE_NUMBERS)
  return choices.pick(HOSTILE_STRINGS)
}

/** A value as it is written into a document: names of an enum bare, whatever their type asks for. */
function writeLiteral(type: GraphQLInputType, value: unknown): string {
  const nullable = getNullableType(type)
  if (Array.isArray(value)) {
    const item = isListType(nullable) ? nullable.ofType : type
    return `[${value.map((each) => writeLiteral(item, each)).join(', ')}]`
  }
  if (typeof value === 'object' && value !== null) {
    const fields = isInputObjectType(nullable) ? nullable.getFields() : {}
    const entries = Object.entries(value).map(([name, each]) => {
      return `${/^\w+$/.test(name) ? name : 'odd'}: ${writeLiteral(fields[name]?.type ?? type, each)}`
    })
    return `{ ${entries.join(', ')} }`
  }
  if (isEnumType(nullable) && typeof value === 'string' && /^\w+$/.test(value)) return value
  return JSON.stringify(value)
}
