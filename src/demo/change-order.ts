import { setTimeout as sleep } from 'node:timers/promises'
import { callServer } from './call-server.ts'
import { type DemoOrder, type DemoServer, nameOf, type Scenario, type Verb } from './scenarios.ts'
import { RECONNECT_ATTEMPTS_MAX, RECONNECT_DELAY_MS } from './watch-orders.ts'

/**
 * Confirms an order, ships it, takes it back, or cancels it, or brings in what it waits for. A server that does not answer is asked again: under its key the call is carried
 * out once, and what came in already is missed by nobody.
 *
 * @throws {Error} that says why it was refused
 */
export async function changeOrder(
  server: DemoServer,
  { id, scenario }: DemoOrder,
  verb: Verb | 'restock',
): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      if (verb === 'restock') await restock(server, scenario)
      else await callVerb(server, id, scenario, verb)
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

function callVerb(server: DemoServer, id: string, { lines }: Scenario, verb: Verb) {
  const input = { id, idempotencyKey: `demo-${verb}-${id}`, ...(verb === 'returnOrder' && { lines }) }
  return callServer(server, mutationOf(verb), input)
}

const BACKORDERED = 'query ($input: String!) { payload: inventoryItem(sku: $input) { backordered } }'
const ADJUST = `mutation ($input: AdjustInventoryInput!) {
  payload: adjustInventory(input: $input) { userErrors { code message } }
}`

/** Brings in all that orders wait for: also those of a demo that was stopped, which are served before. */
async function restock(server: DemoServer, { lines }: Scenario): Promise<void> {
  for (const { sku } of lines) {
    const { backordered } = await callServer<{ backordered: number }>(server, BACKORDERED, sku)
    if (backordered === 0) continue
    await callServer(server, ADJUST, { sku, delta: backordered, reason: 'demo: goods came in' })
  }
}

/** Such as `ShipOrderInput` of `shipOrder`. */
function mutationOf(verb: Verb): string {
  const input = `${verb[0]!.toUpperCase()}${verb.slice(1)}Input`
  return `mutation ($input: ${input}!) { payload: ${verb}(input: $input) { userErrors { code message } } }`
}
