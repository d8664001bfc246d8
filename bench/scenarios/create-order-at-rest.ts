import type { Scenario } from '../scenario.ts'
import { loadBareTransaction, loadHoldfast, loadNoop } from '../support/create-order-sides.ts'
import { takeTurns } from '../take-turns.ts'

/**
 * What one order takes that nobody shares a commit with.
 *
 * The target is held against the transaction alone, which has no HTTP in it: the stricter reading, and the only one that
 * needs no sum of two figures. The second line adds what HTTP and GraphQL take on the same server, measured with a
 * mutation that does nothing, so that it compares like with like and shows what the sharing itself costs.
 */
export const scenario: Scenario = {
  name: 'create-order-at-rest',
  description: 'createOrder alone on one connection, latency against one transaction by the bare driver',
  async run(context) {
    const load = { connections: 1, warmUpS: context.isQuick ? 1 : 5, durationS: context.isQuick ? 2 : 10 }
    const results = await takeTurns(context, {
      holdfast: () => loadHoldfast(context, 'graphql', load),
      bare: () => loadBareTransaction(context, load),
      noop: () => loadNoop(load),
    })
    const p50 = (side: keyof typeof results) => results[side].map((result) => result.latencyMs.p50)
    const comparison = {
      kind: 'comparison',
      title: 'createOrder alone, one connection, p50',
      unit: 'ms',
      holdfast: p50('holdfast'),
    } as const
    const noop = p50('noop')
    return [
      {
        ...comparison,
        against: 'one transaction by the bare driver, no HTTP',
        baseline: p50('bare'),
        target: { kind: 'at-most', value: 1.3 },
      },
      {
        ...comparison,
        against: 'that transaction and the HTTP of a mutation that does nothing',
        baseline: p50('bare').map((transactionMs, index) => transactionMs + noop[index]!),
        target: null,
      },
    ]
  },
}
