import type { SupplierCall } from '../../src/supplier/contract.ts'

/** A call that is made for an order of no interest. */
export const CALL: SupplierCall = {
  orderId: '0199c0de-0000-7000-8000-000000000001',
  attempt: 1,
  requestId: 'request-1',
  traceId: '0af7651916cd43dd8448eb211c80319c',
  traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
}
