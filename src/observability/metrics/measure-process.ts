import { collectDefaultMetrics, type Registry } from 'prom-client'

/** Gauges by their type, counters by their name; each is the sum of another over its labels. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Shows what the process takes: memory, CPU, event loop, garbage collection. Once a process, and not once an application. */
export function measureProcess(registry: Registry): void {
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)
}
