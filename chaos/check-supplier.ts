import type { FinalOrder } from './checks.ts'
import type { Findings } from './findings.ts'
import type { SupplierRecord } from './hostile-supplier.ts'

/** What the supplier has to have in its books for an order that failed for this reason. */
const FAILED_PLANS: Record<string, string> = {
  SUPPLIER_REFUSED: 'refused',
  SUPPLIER_FAILED: 'fail',
  SUPPLIER_DELAYED: 'delayed',
}
const DELIVERING_PLANS = ['ok', 'late', 'later']

/** Invariant 8: the supplier delivers once at most for an order, only what was wanted of it, and what came in came from it. */
export function checkSupplier(
  records: ReadonlyMap<string, SupplierRecord>,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): void {
  const ofOrder = new Map<string, SupplierRecord>()
  for (const [key, record] of records) {
    findings.count('supplier: requests', record.requests)
    findings.count('supplier: requests repeated under their key', record.requests - 1)
    if (ofOrder.has(record.orderId)) {
      findings.violate('the supplier delivers once an order', record.orderId, `again as ${key}`)
    }
    ofOrder.set(record.orderId, record)
    const order = orders.get(record.orderId)
    if (key !== record.orderId || !order || order.sku !== record.sku || order.qty !== record.qty) {
      findings.violate('the supplier is asked for orders as they are', key, JSON.stringify({ record, order }))
    } else if (!order.statuses.includes('AWAITING_RESTOCK')) {
      findings.violate('the supplier is asked when stock is short', key, JSON.stringify({ record, order }))
    }
  }
  for (const order of orders.values()) {
    const record = ofOrder.get(order.id)
    const plan = record?.plan ?? 'never asked'
    const detail = `${JSON.stringify(order)}, the supplier's plan: ${plan}`
    const isSupplied = order.status === 'RESERVED' && order.statuses.includes('AWAITING_RESTOCK')
    if (order.isBrought !== isSupplied) {
      findings.violate('what waited for the supplier is reserved by what came in', order.id, detail)
    }
    if (order.isBrought && (!DELIVERING_PLANS.includes(plan) || order.ref !== record?.ref)) {
      findings.violate('what came in was delivered', order.id, detail)
    }
    const expected = FAILED_PLANS[order.reason ?? '']
    if (expected && plan !== expected) {
      findings.violate('an order fails for the reason it has', order.id, detail)
    }
  }
}
