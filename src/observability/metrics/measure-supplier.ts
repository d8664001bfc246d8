import { Gauge, Histogram, type Registry } from 'prom-client'
import type { GuardedSupplier } from '../../supplier/circuit-breaker.ts'
import { TRANSPORT_CAUSES } from '../../supplier/contract.ts'
import type { SupplierCallRun } from '../observe-supplier.ts'

/** From a supplier in the same network to one that times out: after 5 s by default, later if configured. */
const BUCKETS_S = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

const CIRCUITS = ['closed', 'open', 'half-open'] satisfies ReturnType<GuardedSupplier['circuit']>[]

const OUTCOMES_OF = {
  reserve: ['accepted', 'refused', ...TRANSPORT_CAUSES],
  status: ['ok', 'fail', 'delayed', ...TRANSPORT_CAUSES],
}

/**
 * Measures supplier calls by outcome, and shows the circuit. Calls that the circuit breaker skipped take no time; they have an
 * outcome of their own, so that a query for latencies can exclude them.
 */
export function measureSupplier(
  registry: Registry,
  { circuit }: Pick<GuardedSupplier, 'circuit'>,
): (run: SupplierCallRun) => void {
  const registers = [registry]
  const duration = new Histogram({
    name: 'holdfast_supplier_request_duration_seconds',
    help: 'Calls to the supplier by outcome: its answer, or why there was none. circuit-open: the call was not sent',
    labelNames: ['operation', 'outcome'],
    buckets: BUCKETS_S,
    registers,
  })
  for (const operation of ['reserve', 'status'] as const) {
    for (const outcome of OUTCOMES_OF[operation]) duration.zero({ operation, outcome })
  }
  new Gauge({
    name: 'holdfast_supplier_circuit',
    help: '1 for the current state of the supplier circuit in this process. open: calls fail at once, for 10 s; half-open: the next call tests the supplier',
    labelNames: ['state'],
    registers,
    collect() {
      const current = circuit()
      for (const state of CIRCUITS) this.set({ state }, state === current ? 1 : 0)
    },
  })

  return ({ operation, outcome, durationMs }) => duration.observe({ operation, outcome }, durationMs / 1_000)
}
