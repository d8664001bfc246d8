import type { graphql } from '../../api/graphql.ts'

/** Why an order failed, in words. */
export const REASONS: Record<ReturnType<typeof graphql.scalar<'FailureReason'>>, string> = {
  INTERNAL_ERROR: 'Holdfast’s own work failed too often',
  OUT_OF_STOCK: 'out of stock',
  SUPPLIER_DELAYED: 'the supplier was late too often',
  SUPPLIER_FAILED: 'the supplier accepted it and failed',
  SUPPLIER_REFUSED: 'the supplier refused it',
  SUPPLIER_UNREACHABLE: 'the supplier could not be reached',
}
