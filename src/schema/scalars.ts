import { GraphQLError, Kind, print, type ValueNode } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment, as ISO 8601 with its zone; in answers in UTC with milliseconds.',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value) => value.toISOString(),
  parseValue: toMoment,
})

builder.scalarType('Quantity', {
  description: 'A whole number of pieces, to 2^53 - 1: more than Int holds, and exact in JSON.',
  // I-JSON says which whole numbers every reader of JSON keeps exact
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc7493#section-2.2',
  serialize: (value) => Number(value),
  parseValue: (value) => toQuantity(value, JSON.stringify(value)),
  parseLiteral: (node: ValueNode) =>
    toQuantity(node.kind === Kind.INT ? Number(node.value) : undefined, print(node)),
})

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: (value) => value,
  parseValue: refuseInput,
})

/** Without a zone it would be a moment of this machine's. */
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

function toMoment(value: unknown): Date {
  const moment = new Date(typeof value === 'string' && MOMENT.test(value) ? value : Number.NaN)
  if (!Number.isNaN(moment.getTime())) return moment
  throw new GraphQLError(`DateTime must be as 2026-01-05T09:30:00Z, not ${JSON.stringify(value)}`)
}

function toQuantity(value: unknown, asSent: string): bigint {
  if (Number.isSafeInteger(value)) return BigInt(value as number)
  throw new GraphQLError(`Quantity must be a whole number to ${Number.MAX_SAFE_INTEGER}, not ${asSent}`)
}

function refuseInput(): never {
  throw new GraphQLError('This scalar is output only')
}
