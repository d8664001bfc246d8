import { Counter, Gauge, type Registry } from 'prom-client'

/** Why a call was shed: too many in flight, or an order would have waited too long for its commit. */
export type RefusedBy = 'calls' | 'intake'

/** Counts shed calls, and shows the calls in flight. */
export function measureCalls(
  registry: Registry,
  calls: { count: number; limit: number; waiting: number },
): (by: RefusedBy) => void {
  const refused = new Counter({
    name: 'holdfast_refused_calls_total',
    help: 'Calls shed under overload. by=calls: too many in flight; by=intake: an order would have waited too long for its commit',
    labelNames: ['by'],
    registers: [registry],
  })
  // an alert on an increase needs the 0 before it
  for (const by of ['calls', 'intake'] satisfies RefusedBy[]) refused.inc({ by }, 0)
  new Gauge({
    name: 'holdfast_calls_under_way',
    help: 'Calls in flight, without streams and calls that wait',
    registers: [registry],
    collect() {
      this.set(calls.count)
    },
  })
  new Gauge({
    name: 'holdfast_calls_under_way_limit',
    help: 'Limit of calls in flight; lower during an overload',
    registers: [registry],
    collect() {
      this.set(calls.limit)
    },
  })
  new Gauge({
    name: 'holdfast_calls_waiting',
    help: 'Calls that wait for what becomes of their orders',
    registers: [registry],
    collect() {
      this.set(calls.waiting)
    },
  })
  return (by) => refused.inc({ by })
}
