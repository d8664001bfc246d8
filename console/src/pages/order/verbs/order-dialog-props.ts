import type { Order } from '../order-document.ts'

/** What each dialog that changes an order is given. */
export type OrderDialogProps = {
  /** As it stood when the dialog opened. */
  order: Order
  /** Reads the order again, which has come to this version meanwhile, where that is known. */
  refresh: (version?: number) => void
  onClose: () => void
}
