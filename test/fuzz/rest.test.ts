import { afterAll, beforeAll, expect, test } from 'vitest'
import { RestCheck } from './check-rest.ts'
import { built } from './choices.ts'
import { fuzz, TIME_MAX_MS } from './fuzz.ts'
import { type FuzzServer, startFuzzServer } from './fuzz-server.ts'
import type { OpenApi } from './openapi.ts'
import { generateRestCall } from './rest-calls.ts'
import { Tally } from './tally.ts'

const CALLS = 7_000

let server: FuzzServer
beforeAll(async () => {
  server = await startFuzzServer()
})
afterAll(() => server.close())

test(
  'whatever is asked of REST, the answer is what its description says, and tells nothing more',
  async () => {
    const description = await server.senders.open.send({ method: 'GET', path: '/openapi.json', headers: {} })
    const document: OpenApi = JSON.parse(description.text)
    const check = new RestCheck(document)
    const tally = new Tally('REST')
    const calls = built((choices) => generateRestCall(choices, document, server.corpus))
    await fuzz(server, calls, CALLS, (call, answer) => {
      const { faults, operationId = 'none' } = check.check(call, answer)
      tally.noteCall()
      tally.note(operationId, String(answer.status))
      tally.note('calls', answer.status < 300 ? 'answered' : 'refused')
      return faults
    })
    tally.print()
    expect(tally.calls).toBeGreaterThanOrEqual(CALLS)
    // a third or so: what a call does not know is refused by name
    expect(tally.count('calls', 'answered') / tally.calls).toBeGreaterThan(1 / 4)
    const operations = Object.values(document.paths).flatMap((methods) => Object.values(methods))
    for (const { operationId, responses } of operations) {
      const [success] = Object.keys(responses)
      expect(tally.count(operationId, success!), operationId).toBeGreaterThan(0)
    }
  },
  TIME_MAX_MS + 60_000,
)
