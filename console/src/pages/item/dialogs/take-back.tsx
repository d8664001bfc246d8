import { Checkbox } from '../../../components/field.tsx'

/** Lets a shortfall take back promises, instead of being refused. */
export function TakeBack(props: { isChecked: boolean; onInput: (isChecked: boolean) => void }) {
  return (
    <Checkbox
      label="Take promises back from the newest orders"
      hint="Each of them gives up its line whole, and waits in line for stock; no supplier is asked for it again. Otherwise the change is refused, and the orders keep what they were promised."
      {...props}
    />
  )
}
