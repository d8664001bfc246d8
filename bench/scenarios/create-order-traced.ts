import { type Env, startServer } from '../child-process.ts'
import type { Scenario } from '../scenario.ts'
import { CONNECTIONS, loadHoldfast, loadOf } from '../support/create-order-sides.ts'
import { takeTurns } from '../take-turns.ts'

/** What traces cost: orders accepted a second with them, beside the same server without. */
export const scenario: Scenario = {
  name: 'create-order-traced',
  description:
    'createOrder by GraphQL POST on 50 connections, with traces of every call and of 1 % against none',
  async run(context) {
    const load = loadOf(context)
    const collector = await startServer('bench/support/otlp-sink.ts', {}, /listening at (http:\S+)/)
    try {
      const loadTraced = (sampler: Env) =>
        loadHoldfast(context, 'graphql', load, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, ...sampler })
      const results = await takeTurns(context, {
        none: () => loadHoldfast(context, 'graphql', load),
        all: () => loadTraced({ OTEL_TRACES_SAMPLER: 'parentbased_always_on' }),
        some: () =>
          loadTraced({ OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.01' }),
      })
      const perSecond = (side: keyof typeof results) => results[side].map((result) => result.perSecond)
      const comparison = {
        kind: 'comparison',
        against: 'the same server without traces',
        unit: 'orders/s',
        baseline: perSecond('none'),
        target: null,
      } as const
      const title = `createOrder by GraphQL POST, ${CONNECTIONS} connections`
      return [
        { ...comparison, title: `${title}, every call traced`, holdfast: perSecond('all') },
        { ...comparison, title: `${title}, 1 % of calls traced`, holdfast: perSecond('some') },
      ]
    } finally {
      await collector.stop()
    }
  },
}
