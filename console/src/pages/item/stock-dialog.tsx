import { useState } from 'preact/hooks'
import type { Action } from '../../api/may.ts'
import { AdjustDialog } from './dialogs/adjust-dialog.tsx'
import { CountDialog } from './dialogs/count-dialog.tsx'
import { ReceiveDialog } from './dialogs/receive-dialog.tsx'
import { RulesDialog } from './dialogs/rules-dialog.tsx'
import type { StockDialogProps } from './dialogs/stock-dialog-props.ts'
import { TransferDialog } from './dialogs/transfer-dialog.tsx'

export type StockVerb = 'receive' | 'adjust' | 'count' | 'transfer' | 'rules'

/** What can be done with an item's stock, what its button says, and who has it. */
export const STOCK_ACTIONS: readonly { verb: StockVerb; text: string; needs: Action }[] = [
  { verb: 'receive', text: 'Receive', needs: 'receiveInventory' },
  { verb: 'count', text: 'Count', needs: 'countInventory' },
  { verb: 'adjust', text: 'Adjust', needs: 'adjustInventory' },
  { verb: 'transfer', text: 'Transfer', needs: 'transferInventory' },
  { verb: 'rules', text: 'Rules', needs: 'setStockRules' },
]

const DIALOGS = {
  receive: ReceiveDialog,
  adjust: AdjustDialog,
  count: CountDialog,
  transfer: TransferDialog,
  rules: RulesDialog,
} as const

type Props = Omit<StockDialogProps, 'location' | 'setLocation'> & { verb: StockVerb }

/** Changes the stock of an item, or its rules: first where the most of it is. */
export function StockDialog({ verb, ...props }: Props) {
  const [location, setLocation] = useState(() => fullestOf(props))
  const VerbDialog = DIALOGS[verb]
  return <VerbDialog {...props} location={location} setLocation={setLocation} />
}

function fullestOf({ item: { levels }, locations }: Pick<Props, 'item' | 'locations'>): string {
  const [fullest] = levels.toSorted((a, b) => b.onHand - a.onHand)
  return fullest?.location.code ?? locations.find(({ isDefault }) => isDefault)?.code ?? locations[0]!.code
}
