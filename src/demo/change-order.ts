import { setTimeout as sleep } from 'node:timers/promises'
import { callServer } from './call-server.ts'
import { type DemoOrder, type DemoServer, nameOf, type Verb } from './scenarios.ts'
import { RECONNECT_ATTEMPTS_MAX, RECONNECT_DELAY_MS } from './watch-orders.ts'

/**
 * Ships an order, takes it back, or cancels it. A server that does not answer is asked again: under its key the call is carried
 * out once.
 *
 * @throws {Error} that says why it was refused
 */
export async function changeOrder(
  server: DemoServer,
  { id, scenario }: DemoOrder,
  verb: Verb,
): Promise<void> {
  const input = {
    id,
    idempotencyKey: `demo-${verb}-${id}`,
    ...(verb === 'returnOrder' && { lines: scenario.lines }),
  }
  for (let attempt = 1; ; attempt++) {
    try {
      await callServer(server, mutationOf(verb), input)
      return
    } catch (error) {
      const isAway = error instanceof TypeError || (error as Error).cause === 'UNAVAILABLE'
      if (!isAway || attempt === RECONNECT_ATTEMPTS_MAX) {
        throw new Error(`${verb} of ${nameOf(scenario)}: ${(error as Error).message}`)
      }
      await sleep(RECONNECT_DELAY_MS, undefined, { ref: false })
    }
  }
}

/** Such as `ShipOrderInput` of `shipOrder`. */
function mutationOf(verb: Verb): string {
  const input = `${verb[0]!.toUpperCase()}${verb.slice(1)}Input`
  return `mutation ($input: ${input}!) { payload: ${verb}(input: $input) { userErrors { code message } } }`
}
