import { onTestFinished } from 'vitest'
import { createSupplierClient } from '../../src/supplier/client.ts'
import type { Supplier } from '../../src/supplier/contract.ts'

/** What is asked for. */
export const ORDER = { id: '0199c0de-0000-7000-8000-000000000001', sku: 'GIZMO', qty: 3, key: 'gizmo-1' }

/** A client that is closed when the test ends. */
export function supplierAt(
  baseUrl = 'http://supplier.test',
  options: { timeoutMs?: number; connectionLimit?: number } = {},
): Supplier {
  const supplier = createSupplierClient({ baseUrl, timeoutMs: 5000, ...options })
  onTestFinished(() => supplier.close())
  return supplier
}
