import { callServer } from './call-server.ts'
import {
  CHANGES_FIELD,
  type Change,
  type DemoOrder,
  type DemoServer,
  nameOf,
  type Scenario,
} from './scenarios.ts'

const MUTATION = `mutation ($input: CreateOrderInput!) {
  payload: createOrder(input: $input) { order { id ${CHANGES_FIELD} } userErrors { code message } }
}`

/**
 * Places an order.
 *
 * @throws {Error} that says why there is no order
 */
export async function placeOrder(server: DemoServer, scenario: Scenario): Promise<DemoOrder> {
  try {
    const { order } = await callServer<{ order: { id: string; events: Change[] } }>(server, MUTATION, {
      lines: scenario.lines,
      holdSeconds: scenario.holdSeconds,
      ifShort: scenario.ifShort,
    })
    return { id: order.id, scenario, changes: order.events }
  } catch (error) {
    throw new Error(`No order of ${nameOf(scenario)}: ${(error as Error).message}`)
  }
}
