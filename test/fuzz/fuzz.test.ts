import { createServer } from 'node:http'
import { OperationTypeNode, parse, validate } from 'graphql'
import { expect, onTestFinished, test } from 'vitest'
import { built, Choices } from './choices.ts'
import { fuzz } from './fuzz.ts'
import { generateRequest } from './graphql-documents.ts'
import { schema } from './part-schema.ts'
import { Sender } from './send.ts'
import type { Surroundings } from './surroundings.ts'

test('what is written by the schema is valid, as long as nothing hostile is chosen', () => {
  const documents = Array.from({ length: 20 }, (_, first) => {
    // the last of any choice is what is rare
    const choices = new Choices(Array.from({ length: 200 }, (_, next) => (first * 7 + next * 3) % 12))
    return generateRequest(choices, schema, { id: ['1'], size: [1] }, OperationTypeNode.QUERY).query
  })
  expect(new Set(documents).size).toBeGreaterThan(5)
  const valid = documents.filter((query) => validate(schema, parse(query)).length === 0)
  expect(valid.length).toBeGreaterThan(10)
})

/** A service of which a test knows how it answers each path. */
async function serve(
  answer: (path: string) => { status: number; headers?: Record<string, string>; text?: string },
) {
  const http = createServer((request, response) => {
    const { status, headers, text } = answer(request.url!)
    response.writeHead(status, headers).end(text)
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number }
  const sender = new Sender(`http://127.0.0.1:${port}`)
  onTestFinished(async () => {
    await sender.close()
    http.close()
  })
  return {
    senders: { open: sender, guarded: sender, hidden: sender },
    secretsFrom: () => [],
    takeLogged: () => [],
  }
}

/** Calls of one path, and rarely of another. */
const calls = (path: string, rare: string) =>
  built(
    (choices): Surroundings => ({
      server: 'open',
      caller: 'nobody',
      method: 'GET',
      path: choices.oneIn(20) ? rare : path,
      headers: {},
    }),
  )

test('a failure is shrunk to the one call that it takes, and tells its seed', async () => {
  const server = await serve((path) => ({ status: path === '/bad' ? 500 : 200 }))
  const failure = await fuzz(server, calls('/good', '/bad'), 1_000, (_call, { status }) =>
    status === 500 ? ['has the status 500'] : [],
  ).then(
    () => undefined,
    (error: Error) => error,
  )
  expect(failure?.message).toMatch(/^FUZZ_SEED=-?\d+ FUZZ_PATH=\d[\d:]* repeats it\n/)
  expect(failure?.message.match(/the answer\n {2}has the status 500/g)).toHaveLength(1)
  expect(failure?.message).toContain('"path":"/bad"')
})

test('a call that is shed is sent again, and judged by the answer that it gets then', async () => {
  let shed = 0
  const server = await serve((path) => {
    if (path !== '/busy' || shed === 3) return { status: 200 }
    shed++
    return { status: 503, headers: { 'retry-after': '1' } }
  })
  const statuses = new Set<number>()
  await fuzz(server, calls('/good', '/busy'), 100, (_call, { status }) => {
    statuses.add(status)
    return []
  })
  expect(shed).toBe(3)
  expect([...statuses]).toEqual([200])
})

test('a 503 that does not say when to come again is judged as it is', async () => {
  const server = await serve(() => ({ status: 503 }))
  await expect(
    fuzz(server, calls('/good', '/bad'), 1, (_call, { status }) => [`has the status ${status}`]),
  ).rejects.toThrow('has the status 503')
})
