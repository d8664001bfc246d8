import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import { findLeaks } from './check-leaks.ts'
import type { FuzzServer } from './fuzz-server.ts'
import { type Answer, CALLS_AT_ONCE } from './send.ts'
import type { Surroundings } from './surroundings.ts'

// FUZZ_SEED repeats a run; FUZZ_PATH, printed with a failure, goes straight to its smallest case. In CI every run is the
// same, so that what fails there is what was changed; elsewhere each looks where none has been
const SEED = Number(process.env.FUZZ_SEED ?? (process.env.CI ? 1 : randomInt(2 ** 31)))
const { FUZZ_PATH: PATH } = process.env
/** How many times as many calls are made as in a run of the suite. */
const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1)

/** Long enough for a busy machine, and to shrink a failure. */
export const TIME_MAX_MS = FACTOR * 240_000
/** How much of an answer a failure shows. */
const SHOWN_MAX = 2_000
/** Calls that are judged together. In larger batches one that takes long holds up fewer, but to shrink them takes longer. */
const BATCH_SIZE = 2 * CALLS_AT_ONCE
/** How likely it is that a call is left out from the first: only in what is shrunk. */
const LEFT_OUT_IN = 1_000_000

/** What is called, and what is known of it from within. */
type Fuzzed = Pick<FuzzServer, 'senders' | 'secretsFrom' | 'takeLogged'>

/**
 * Sends calls, as many at once as there are connections, and holds each answer against what `check` says of it, against
 * leaks, and against what the servers logged. A failure is shrunk to the calls that it takes, and tells its seed.
 *
 * @param check what is wrong with an answer
 */
export async function fuzz<Sent extends Surroundings>(
  server: Fuzzed,
  call: fc.Arbitrary<Sent>,
  callsMin: number,
  check: (call: Sent, answer: Answer) => string[],
): Promise<void> {
  // what is left out is the simplest of all, so that a failure is shrunk to the calls that it takes
  const batch = fc.array(fc.option(call, { nil: undefined, freq: LEFT_OUT_IN }), {
    minLength: BATCH_SIZE,
    maxLength: BATCH_SIZE,
  })
  const property = fc.asyncProperty(batch, async (calls) => {
    const sent = calls.filter((each) => each !== undefined)
    const faults = await Promise.all(sent.map((each) => judge(server, each, check)))
    const found = [...faults.flat(), ...server.takeLogged().map((line) => `logged as unexpected: ${line}`)]
    if (found.length > 0) throw new Error(found.join('\n\n'))
  })
  const { failed, seed, counterexamplePath, errorInstance } = await fc.check(property, {
    numRuns: Math.ceil((callsMin * FACTOR) / BATCH_SIZE) + 1,
    seed: SEED,
    ...(PATH && { path: PATH }),
    interruptAfterTimeLimit: TIME_MAX_MS,
    markInterruptAsFailure: true,
  })
  // not fast-check's own report: of a batch it shows all, and what counts is said here
  if (failed) {
    const found = (errorInstance as Error | null)?.message ?? `not done within ${TIME_MAX_MS} ms`
    throw new Error(`FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath} repeats it\n${found}`)
  }
}

async function judge<Sent extends Surroundings>(
  server: Fuzzed,
  call: Sent,
  check: (call: Sent, answer: Answer) => string[],
): Promise<string[]> {
  try {
    const answer = await server.senders[call.server].send(call)
    const secrets = server.secretsFrom(call.server, call.caller)
    const faults = [...check(call, answer), ...findLeaks(answer, secrets)]
    if (faults.length === 0) return []
    const { status, headers, text } = answer
    return [
      `the answer\n  ${faults.join('\n  ')}`,
      `to ${show(call)}`,
      `is ${status} ${headers['content-type']} ${text.slice(0, SHOWN_MAX)}`,
    ]
  } catch (error) {
    return [`no answer to ${show(call)}: ${(error as Error).stack}`]
  }
}

function show(call: Surroundings): string {
  return JSON.stringify(call).slice(0, SHOWN_MAX)
}
