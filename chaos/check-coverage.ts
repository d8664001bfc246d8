import type { Findings } from './findings.ts'
import { HOUSEKEEPING } from './gaps.ts'
import { VERBS } from './history.ts'
import { STOCK_VERBS } from './stock-history.ts'

/** Drawn so often, each kind of fault meets something to harm. */
const DRAWN_MIN = 3
/** What a run is there to check. */
export const CHECKED = [
  ...['orders', 'orders of several lines', 'views', 'adjustments done', 'decisions made again'],
  ...[
    'looks at what jobs wait for',
    'races of a cancellation and a shipment',
    'goods that came as free stock',
    'orders EXPIRED',
    'orders FAILED OUT_OF_STOCK',
    'orders that waited and were served',
    'webhook messages received',
    'events of webhooks checked',
  ],
  ...VERBS.map((verb) => `${verb}: done`),
  ...[...STOCK_VERBS, 'setStockRules'].map((verb) => `${verb}: done`),
  ...[
    'counts by a sheet that found a difference',
    'promises taken back',
    'orders unreserved and served again',
  ],
  ...['files imported', 'files that were sent again', 'rows refused'],
  ...['changes told by streams', 'crossings told by streams'],
]
/** In three minutes 14 to 27 gaps of the flow of orders were hit; half of the least is no longer bad luck. */
const GAPS_HIT_MIN = 7
const GAPS_MINUTES_MIN = 3

/** A run in which nothing happened proves nothing: each kind of fault took effect, and there was something to check. */
export function checkCoverage(findings: Findings, minutes: number): void {
  const { counts } = findings
  for (const [what, drawn] of counts) {
    if (!what.startsWith('drawn: ') || drawn < DRAWN_MIN) continue
    const kind = what.slice('drawn: '.length)
    if (!counts.get(`fault: ${kind}`)) {
      findings.violate('each kind of fault takes effect', kind, `drawn ${drawn} times`)
    }
  }
  for (const what of CHECKED) {
    if (!counts.get(what)) findings.violate('there is something to check', what, 'none')
  }
  if (minutes < GAPS_MINUTES_MIN || !counts.get('drawn: SIGKILL between two steps')) return
  const hit = [...counts].filter(
    ([what, count]) => what.startsWith('gap: ') && count > 0 && !HOUSEKEEPING.test(what),
  )
  if (hit.length < GAPS_HIT_MIN) {
    const detail = `only ${hit.length}, at least ${GAPS_HIT_MIN} expected`
    findings.violate('processes are killed between the steps of an order', 'gaps', detail)
  }
}
