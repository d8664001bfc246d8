import type { FinalOrder, FinalRequest } from './final-orders.ts'
import type { Findings } from './findings.ts'
import type { SupplierRecord } from './hostile-supplier.ts'

/** How what a supplier means to do about a line ends, however badly it says so. */
const ENDS: Record<SupplierRecord['plan'], string> = {
  ok: 'DELIVERED',
  late: 'DELIVERED',
  later: 'DELIVERED',
  refused: 'REFUSED',
  fail: 'FAILED',
  delayed: 'DELAYED',
}
/** Which end of a request is the reason that its order fails. */
const REASONS: Record<string, string> = {
  SUPPLIER_REFUSED: 'REFUSED',
  SUPPLIER_FAILED: 'FAILED',
  SUPPLIER_DELAYED: 'DELAYED',
}
/** Nobody asks any more when the job has died with 20 workers: check-lives.ts says how often that may be. */
const GIVEN_UP = 'UNREACHABLE'

/**
 * Invariant 8: the supplier delivers once at most for a line of an order, only what was wanted of it, and what came in came
 * from it. What it means to deliver comes in, whatever became of the order meanwhile.
 */
export function checkSupplier(
  records: ReadonlyMap<string, SupplierRecord>,
  orders: ReadonlyMap<string, FinalOrder>,
  findings: Findings,
): void {
  const ofLine = new Map<string, SupplierRecord>()
  for (const [key, record] of records) {
    findings.count('supplier: requests', record.requests)
    findings.count('supplier: requests repeated under their key', record.requests - 1)
    const { orderId, sku } = record
    const line = lineKey(orderId, sku)
    if (ofLine.has(line)) findings.violate('the supplier delivers once a line', line, `again as ${key}`)
    ofLine.set(line, record)
    checkQuestion(key, record, orders.get(orderId), findings)
  }
  for (const order of orders.values()) {
    for (const request of order.requests) {
      checkEnd(order, request, ofLine.get(lineKey(order.id, request.sku)), findings)
    }
    const end = REASONS[order.reason ?? '']
    if (end && !order.requests.some(({ state }) => state === end)) {
      findings.violate('an order fails for the reason it has', order.id, JSON.stringify(order))
    }
  }
}

/** What was asked for is a line of the order that was found short, and as much of it as was left then. */
function checkQuestion(
  key: string,
  record: SupplierRecord,
  order: FinalOrder | undefined,
  findings: Findings,
): void {
  const detail = JSON.stringify({ record, order })
  const line = order?.lines.find(({ sku }) => sku === record.sku)
  const isKey = key === (order?.lines.length === 1 ? record.orderId : `${record.orderId}:${record.sku}`)
  if (!order || !line || !isKey) {
    findings.violate('the supplier is asked for orders as they are', key, detail)
    return
  }
  const look = order.events.findIndex(({ type }) => type === 'OrderAwaitingRestock')
  const short = order.events[look]?.lines?.find(({ sku }) => sku === record.sku)
  const wasCut = order.events.slice(0, Math.max(0, look)).some(({ type }) => type === 'OrderCancelled')
  if (!short) findings.violate('the supplier is asked when stock is short', key, detail)
  else if (short.qty !== record.qty || (wasCut ? short.qty > line.qty : short.qty !== line.qty)) {
    findings.violate('the supplier is asked for orders as they are', key, detail)
  }
}

function checkEnd(
  order: FinalOrder,
  { sku, qty, state, ref, received, receipts }: FinalRequest,
  record: SupplierRecord | undefined,
  findings: Findings,
): void {
  const subject = lineKey(order.id, sku)
  const detail = `${JSON.stringify(order)}, the supplier's books: ${JSON.stringify(record)}`
  if (state !== GIVEN_UP && (!record || state !== ENDS[record.plan])) {
    findings.violate('what the supplier means to do is what comes of it', subject, detail)
  }
  const isRight = state === 'DELIVERED' ? receipts === 1 && received === qty : receipts === 0
  if (!isRight || (receipts > 0 && ref !== record?.ref)) {
    findings.violate('what came in was delivered', subject, detail)
  }
}

function lineKey(orderId: string, sku: string): string {
  return `${orderId}:${sku}`
}
