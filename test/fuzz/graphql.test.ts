import { readFile } from 'node:fs/promises'
import { buildSchema, isObjectType } from 'graphql'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { checkGraphqlAnswer } from './check-graphql.ts'
import { built } from './choices.ts'
import { fuzz, TIME_MAX_MS } from './fuzz.ts'
import { type FuzzServer, startFuzzServer } from './fuzz-server.ts'
import { generateGraphqlCall } from './graphql-calls.ts'
import type { Answer } from './send.ts'
import type { Surroundings } from './surroundings.ts'
import { Tally } from './tally.ts'

const CALLS = 16_000
/** As many calls reach every field nearly always; a field that they miss gets as many again. */
const ROUNDS_MAX = 3

const schema = buildSchema(await readFile('schema.graphql', 'utf8'))

let server: FuzzServer
beforeAll(async () => {
  server = await startFuzzServer()
})
afterAll(() => server.close())

test(
  'whatever is asked of GraphQL, the answer is what the schema says, and tells nothing more',
  async () => {
    const tally = new Tally('GraphQL')
    const reached = new Set<string>()
    const calls = built((choices) => generateGraphqlCall(choices, schema, server.corpus))
    const unreached = () => fields().filter((field) => !reached.has(field))
    const check = (call: Surroundings, answer: Answer) => {
      const verdict = checkGraphqlAnswer(schema, call, answer)
      const { faults, isRun, codes } = verdict
      for (const field of verdict.reached) reached.add(field)
      tally.noteCall()
      tally.note('calls', isRun ? (codes.length > 0 ? 'data with errors' : 'data') : 'refused')
      for (const code of new Set(codes)) tally.note('errors', code)
      for (const field of verdict.reached) if (isOfRoot(field)) tally.note(field, 'a value')
      return faults
    }
    await fuzz(server, calls, CALLS, check)
    for (let round = 1; round < ROUNDS_MAX && unreached().length > 0; round++) {
      await fuzz(server, calls, CALLS, check, round)
    }
    tally.print()
    expect(tally.calls).toBeGreaterThanOrEqual(CALLS)
    const run = tally.count('calls', 'data') + tally.count('calls', 'data with errors')
    expect(run / tally.calls).toBeGreaterThan(1 / 3)
    expect(unreached()).toEqual([])
  },
  ROUNDS_MAX * TIME_MAX_MS + 60_000,
)

/** Every field of the schema. */
function fields(): string[] {
  const types = Object.values(schema.getTypeMap()).filter(isObjectType)
  const ours = types.filter(({ name }) => !name.startsWith('__'))
  return ours.flatMap((type) => Object.keys(type.getFields()).map((field) => `${type.name}.${field}`))
}

function isOfRoot(field: string): boolean {
  return /^(?:Query|Mutation|Subscription)\./.test(field)
}
