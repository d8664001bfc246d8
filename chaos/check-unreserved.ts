import type { FinalOrder } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { History } from './history.ts'

/** What ends the waiting of an order that lost its promise. */
const ENDS = ['OrderReserved', 'OrderCancelled', 'OrderExpired']

/**
 * Each order that lost its promise lost it to a call that says so. From then on it waits in line: it is served again, or its
 * owner gives it up, or it still waits, and then the invariants say that it does not fit.
 */
export function checkUnreserved(
  { stockDeeds }: History,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): void {
  const told = new Set(
    stockDeeds.flatMap(({ tag, answer }) => answer?.unreserved.map((id) => `${id} by ${tag}`) ?? []),
  )
  for (const order of orders.values()) {
    for (const [index, event] of order.events.entries()) {
      if (event.type !== 'OrderUnreserved') continue
      findings.count('promises taken back')
      const detail = JSON.stringify(order)
      if (!told.delete(`${order.id} by ${event.note}`))
        findings.violate('a promise is taken back as clients were told', order.id, detail)
      const skus = new Set(event.lines?.map(({ sku }) => sku))
      const isWaiting = order.lines.some(
        ({ sku, qty, reserved, shipped, cancelled }) =>
          skus.has(sku) && qty - reserved - shipped - cancelled > 0,
      )
      const later = order.events.slice(index + 1)
      if (later.some(({ type }) => type === 'OrderReserved'))
        findings.count('orders unreserved and served again')
      const isEnded = later.some(({ type }) => ENDS.includes(type))
      if (order.ifShort !== 'WAIT' || (!isWaiting && !isEnded))
        findings.violate('who lost a promise is served again, or waits', order.id, detail)
    }
  }
  for (const promise of told) {
    findings.violate('a promise is taken back as clients were told', promise, 'it was not')
  }
}
