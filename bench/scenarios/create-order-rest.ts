import type { Scenario } from '../scenario.ts'
import { CONNECTIONS, loadHoldfast, loadOf, loadStock } from '../support/create-order-sides.ts'
import { takeTurns } from '../take-turns.ts'

/** Orders accepted a second by REST. What it is held against has no REST: it takes the same orders by GraphQL. */
export const scenario: Scenario = {
  name: 'create-order-rest',
  description: 'POST /api/order on 50 connections, against stock Yoga by GraphQL',
  async run(context) {
    const load = loadOf(context)
    const results = await takeTurns(context, {
      holdfast: () => loadHoldfast(context, 'rest', load),
      stock: () => loadStock(context, load),
    })
    return [
      {
        kind: 'comparison',
        title: `POST /api/order, ${CONNECTIONS} connections`,
        against: 'stock Yoga by GraphQL, one transaction a request',
        unit: 'orders/s',
        holdfast: results.holdfast.map((result) => result.perSecond),
        baseline: results.stock.map((result) => result.perSecond),
        target: { kind: 'at-least', value: 10 },
      },
    ]
  },
}
