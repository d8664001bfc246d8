import type { Shipment } from '../shipments.tsx'
import { CancelDialog } from './cancel-dialog.tsx'
import { ConfirmHoldDialog } from './confirm-hold-dialog.tsx'
import { ExtendDialog } from './extend-dialog.tsx'
import type { OrderDialogProps } from './order-dialog-props.ts'
import { RetryDialog } from './retry-dialog.tsx'
import { ReturnDialog } from './return-dialog.tsx'
import { ShipDialog } from './ship-dialog.tsx'
import { UndoDialog } from './undo-dialog.tsx'

/** Which dialog, and what it is about beside the order. */
export type OrderDialogKind =
  | { verb: 'confirm' | 'extend' | 'cancel' | 'ship' | 'return' }
  | { verb: 'undo'; shipment: Shipment }
  | { verb: 'retry'; letterId: string }

/** Changes an order, once the reader has seen what comes of it. */
export function OrderDialog({ kind, ...props }: OrderDialogProps & { kind: OrderDialogKind }) {
  switch (kind.verb) {
    case 'confirm':
      return <ConfirmHoldDialog {...props} />
    case 'extend':
      return <ExtendDialog {...props} />
    case 'cancel':
      return <CancelDialog {...props} />
    case 'ship':
      return <ShipDialog {...props} />
    case 'return':
      return <ReturnDialog {...props} />
    case 'undo':
      return <UndoDialog {...props} shipment={kind.shipment} />
    case 'retry':
      return <RetryDialog {...props} letterId={kind.letterId} />
  }
}
