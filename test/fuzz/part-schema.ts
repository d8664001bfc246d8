import { buildSchema } from 'graphql'

/** A small schema with one of each kind of type, for the tests of what fuzzes ours. */
export const schema = buildSchema(`
  scalar DateTime scalar Quantity scalar JSON
  enum Colour { RED GREEN }
  type Part { id: ID! name: String count: Quantity! madeAt: DateTime! colour: Colour! tags: [String!]! next: Part }
  type Query { part(id: ID!, size: Int): Part parts: [Part!]! }
  type Mutation { paint(id: ID!): Part }
`)
