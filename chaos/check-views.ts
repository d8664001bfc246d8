import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'
import { type History, newestSeen } from './history.ts'

/** Invariant 9: a watcher sees the current state first, then rising versions, the newest in the end, and only what was. */
export function checkViews(
  { views }: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): void {
  for (const view of views) {
    const { orderId, connections, tries, end } = view
    findings.count('views')
    findings.count('connections of views', tries)
    const order = orders.get(orderId)
    const detail = `saw ${JSON.stringify(connections)} by ${tries} connections, order ${JSON.stringify(order)}`
    findings.count(`views that ended ${end ?? 'with the run'}`)
    if (end !== 'by its watcher' && newestSeen(view)?.version !== order?.version) {
      findings.violate('a watcher sees the newest version', orderId, detail)
    }
    for (const { afterVersion, known, seen } of connections) {
      // what it had seen before it connected cannot be newer than what was current then
      if (seen[0]!.version < known || seen[0]!.version <= afterVersion) {
        findings.violate('a watcher sees the current state first', orderId, detail)
      }
      if (seen.some(({ version }, index) => index > 0 && version <= seen[index - 1]!.version)) {
        findings.violate('versions rise', orderId, detail)
      }
      if (seen.some(({ version, status }) => order?.events[version - 1]?.to !== status)) {
        findings.violate('a watcher sees what was', orderId, detail)
      }
    }
  }
}
