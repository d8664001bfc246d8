import type { Scenario } from '../scenario.ts'
import { CONNECTIONS, loadHoldfast, loadNoop, loadOf, loadStock } from '../support/create-order-sides.ts'
import { takeTurns } from '../take-turns.ts'

/** Orders accepted a second by GraphQL, beside the usual way to build it and beside what the server could do at most. */
export const scenario: Scenario = {
  name: 'create-order-graphql',
  description:
    'createOrder by GraphQL POST on 50 connections, against stock Yoga and a mutation that does nothing',
  async run(context) {
    const load = loadOf(context)
    const results = await takeTurns(context, {
      holdfast: () => loadHoldfast(context, 'graphql', load),
      stock: () => loadStock(context, load),
      noop: () => loadNoop(load),
    })
    const perSecond = (side: keyof typeof results) => results[side].map((result) => result.perSecond)
    const comparison = {
      kind: 'comparison',
      title: `createOrder by GraphQL POST, ${CONNECTIONS} connections`,
      unit: 'orders/s',
      holdfast: perSecond('holdfast'),
    } as const
    return [
      {
        ...comparison,
        against: 'stock Yoga, one transaction a request',
        baseline: perSecond('stock'),
        target: { kind: 'at-least', value: 8 },
      },
      {
        ...comparison,
        against: 'the same server, a mutation that does nothing',
        baseline: perSecond('noop'),
        target: { kind: 'at-least', value: 0.6 },
      },
    ]
  },
}
