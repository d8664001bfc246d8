import { collectDefaultMetrics, type Registry } from 'prom-client'

/** Gauges with names of counters. Each is the sum of another metric over its labels. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Measures the process: memory, CPU, event loop, garbage collection. Call it once in a process. */
export function measureProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
}
