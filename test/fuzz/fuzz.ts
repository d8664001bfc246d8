import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { findLeaks } from './check-leaks.ts'
import type { FuzzServer } from './fuzz-server.ts'
import { type Answer, CALLS_AT_ONCE, type Call, type Sender } from './send.ts'
import type { Surroundings } from './surroundings.ts'

// FUZZ_SEED repeats a run; FUZZ_PATH, printed with a failure, goes straight to its smallest case. In CI every run is the
// same, so that what fails there is what was changed; elsewhere each looks where none has been
const SEED = Number(process.env.FUZZ_SEED ?? (process.env.CI ? 1 : randomInt(2 ** 31)))
const { FUZZ_PATH: PATH } = process.env
/** How many times as many calls are made as in a run of the suite. */
const FACTOR = Number(process.env.FUZZ_FACTOR ?? 1)

/** Ends a run that hangs, or that shrinks a failure for ever. One on an idle machine takes a tenth of it. */
export const TIME_MAX_MS = FACTOR * 480_000
/** How much of an answer a failure shows. */
const SHOWN_MAX = 2_000
/** Calls that are judged together. In larger batches one that takes long holds up fewer, but to shrink them takes longer. */
const BATCH_SIZE = 2 * CALLS_AT_ONCE
/** How often a call is sent that is shed every time. */
const TRIES_MAX = 30
/** The service asks for a second. */
const RETRY_AFTER_MS = 1_000
/** How likely it is that a call is left out from the first: only in what is shrunk. */
const LEFT_OUT_IN = 1_000_000

/** What is called, and what is known of it from within. */
type Fuzzed = Pick<FuzzServer, 'senders' | 'secretsFrom' | 'takeLogged'>

/**
 * Sends calls, as many at once as there are connections, and holds each answer against what `check` says of it, against
 * leaks, and against what the servers logged. A failure is shrunk to the calls that it takes, and tells its seed.
 *
 * @param check what is wrong with an answer
 * @param round another one makes other calls
 */
export async function fuzz<Sent extends Surroundings>(
  server: Fuzzed,
  call: fc.Arbitrary<Sent>,
  callsMin: number,
  check: (call: Sent, answer: Answer) => string[],
  round = 0,
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
    seed: SEED + round,
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
    const answer = await sendUntilTaken(server.senders[call.server], call)
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

/**
 * Sends a call as a client does: one that is shed under overload again a second later. So a slow machine makes a run
 * longer and changes no answer. What is shed every time is judged as it is, which is a finding.
 */
async function sendUntilTaken(sender: Sender, call: Call): Promise<Answer> {
  for (let tries = 1; ; tries++) {
    const answer = await sender.send(call)
    if (!isShed(answer) || tries === TRIES_MAX) return answer
    await sleep(RETRY_AFTER_MS)
  }
}

/** Whether the service had too much to do for a call, or for a part of it. Of a whole call it says when to come again. */
function isShed({ status, headers, text }: Answer): boolean {
  return status === 503 ? headers['retry-after'] === '1' : text.includes('"code":"UNAVAILABLE"')
}

function show(call: Surroundings): string {
  return JSON.stringify(call).slice(0, SHOWN_MAX)
}
