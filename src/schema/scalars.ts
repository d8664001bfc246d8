import { GraphQLError } from 'graphql'
import { builder } from './builder.ts'

builder.scalarType('DateTime', {
  description: 'A moment, as ISO 8601 in UTC with milliseconds.',
  serialize: (value) => value.toISOString(),
  parseValue: refuseInput,
})

builder.scalarType('Quantity', {
  description: 'A whole number of pieces, to 2^53 - 1: more than Int holds, and exact in JSON.',
  serialize: (value) => Number(value),
  parseValue: refuseInput,
})

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
  parseValue: refuseInput,
})

function refuseInput(): never {
  throw new GraphQLError('This scalar is output only')
}
