import { createSchema, createYoga } from 'graphql-yoga'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { limitExecutionTime } from '../../../../src/http/graphql/limits/limit-execution-time.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** Runs one operation, of which each step takes 100 ms, within 150 ms, and waits for what may go on after it. */
async function run(query: string) {
  const started: string[] = []
  const step = async (_root: unknown, { name }: { name: string }) => {
    started.push(name)
    await new Promise((resolve) => setTimeout(resolve, 100))
    return name
  }
  const schema = createSchema({
    typeDefs: `
      type Query { step(name: String!): String! }
      type Mutation { step(name: String!): String! }`,
    resolvers: { Query: { step }, Mutation: { step } },
  })
  const yoga = createYoga({ schema, plugins: [limitExecutionTime(150)] })
  const { parse, execute } = yoga.getEnveloped({})
  const startedAtMs = Date.now()
  const answered = Promise.resolve(execute({ schema, document: parse(query), contextValue: {} })).then(
    (result) => ({ result, tookMs: Date.now() - startedAtMs }),
  )
  await vi.advanceTimersByTimeAsync(1_000)
  return { ...(await answered), started }
}

test('answers an operation that takes too long in time, and starts nothing more of it', async () => {
  const { result, started, tookMs } = await run(
    'mutation { a: step(name: "a") b: step(name: "b") c: step(name: "c") d: step(name: "d") }',
  )
  expect(result).toMatchObject({ data: null, errors: [{ extensions: { code: 'TIMED_OUT' } }] })
  expect(result.errors[0].message).toBe('The operation took more than 0.15 s and was stopped')
  expect(started).toEqual(['a', 'b'])
  expect(tookMs).toBe(150)
})

test('leaves one alone that is done in time', async () => {
  const { result } = await run('{ a: step(name: "a") b: step(name: "b") }')
  expect(result).toEqual({ data: { a: 'a', b: 'b' } })
})
