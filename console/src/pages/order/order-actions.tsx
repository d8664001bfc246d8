import type { Action } from '../../api/may.ts'
import { useMay } from '../../api/viewer.ts'
import { Button } from '../../components/button.tsx'
import type { Order } from './order-document.ts'
import type { OrderDialogKind } from './verbs/order-dialog.tsx'

type Verb = Exclude<OrderDialogKind['verb'], 'undo' | 'retry'>

/** What its button says. */
const LABELS: Record<Verb, string> = {
  confirm: 'Confirm',
  extend: 'Extend',
  ship: 'Ship',
  return: 'Take back',
  cancel: 'Cancel',
}

type OrderActionsProps = {
  order: Order
  /** Whether the order is being read again: nothing begins with what is shown. */
  isBusy: boolean
  open: (kind: OrderDialogKind) => void
}

/** The buttons for what the order's state allows, to who looks at it. */
export function OrderActions({ order, isBusy, open }: OrderActionsProps) {
  const may = useMay()
  const verbs = verbsOf(order, may)
  const hint = may('shipOrder') ? whyNotShip(order) : null
  if (verbs.length === 0 && hint === null) return null
  return (
    <div class="order-actions">
      <div class="actions">
        {verbs.map((verb, index) => (
          <Button key={verb} variant={variantOf(verb, index)} isBusy={isBusy} onClick={() => open({ verb })}>
            {LABELS[verb]}
          </Button>
        ))}
      </div>
      {hint && <p class="hint">{hint}</p>}
    </div>
  )
}

function variantOf(verb: Verb, index: number) {
  if (verb === 'cancel') return 'danger'
  return index === 0 ? 'primary' : 'plain'
}

const OPEN: readonly Order['status'][] = ['PENDING', 'RESERVED', 'AWAITING_RESTOCK', 'PARTIALLY_SHIPPED']

/** A button that should not be there is refused by the server, with the reason; one that is missing helps nobody. */
function verbsOf(order: Order, may: (action: Action) => boolean): Verb[] {
  const isOpen = OPEN.includes(order.status)
  const isHold = isOpen && order.expiresAt !== null
  const canReturn = order.lines.some(({ shipped, returned }) => shipped > returned)
  const verbs: [Verb, boolean][] = [
    ['confirm', isHold],
    ['extend', isHold],
    ['ship', may('shipOrder') && holdsSome(order) && whyNotShip(order) === null],
    ['return', may('returnOrder') && canReturn],
    ['cancel', isOpen],
  ]
  return verbs.flatMap(([verb, isThere]) => (isThere ? [verb] : []))
}

/** Says why what is held for an order cannot leave; null where it can, or nothing is held. */
function whyNotShip(order: Order): string | null {
  if (!holdsSome(order)) return null
  if (order.expiresAt !== null) return 'It is a hold: it can be shipped once it is confirmed.'
  const isShort = order.lines.some(({ waiting }) => waiting > 0)
  return isShort ? 'A part of it waits: it can be shipped once that is reserved or cancelled.' : null
}

function holdsSome({ status, lines }: Order): boolean {
  return OPEN.includes(status) && lines.some(({ reserved }) => reserved > 0)
}
