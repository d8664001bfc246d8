import type { Item } from '../item-document.ts'
import type { Place } from '../location-select.tsx'

/** What each dialog that changes stock is given. */
export type StockDialogProps = {
  /** As it is while the dialog is open: the page reads it again. */
  item: Item
  locations: readonly Place[]
  /** The code of the location that is chosen. */
  location: string
  setLocation: (code: string) => void
  onDone: () => void
  onClose: () => void
}
