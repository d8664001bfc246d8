import { createServer } from 'node:http'
import { OperationTypeNode, parse, validate } from 'graphql'
import { expect, test } from 'vitest'
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

test('a failure is shrunk to the one call that it takes, and tells its seed', async () => {
  const http = createServer((request, response) => {
    response.writeHead(request.url === '/bad' ? 500 : 200).end()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const { port } = http.address() as { port: number }
  const sender = new Sender(`http://127.0.0.1:${port}`)
  const server = {
    senders: { open: sender, guarded: sender, hidden: sender },
    secretsFrom: () => [],
    takeLogged: () => [],
  }
  const call = built(
    (choices): Surroundings => ({
      server: 'open',
      caller: 'nobody',
      method: 'GET',
      path: choices.oneIn(20) ? '/bad' : '/good',
      headers: {},
    }),
  )
  const failure = await fuzz(server, call, 1_000, (_call, { status }) =>
    status === 500 ? ['has the status 500'] : [],
  ).then(
    () => undefined,
    (error: Error) => error,
  )
  await sender.close()
  http.close()
  expect(failure?.message).toMatch(/^FUZZ_SEED=-?\d+ FUZZ_PATH=\d[\d:]* repeats it\n/)
  expect(failure?.message.match(/the answer\n {2}has the status 500/g)).toHaveLength(1)
  expect(failure?.message).toContain('"path":"/bad"')
})
