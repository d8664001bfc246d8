import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useKey } from '../../../api/use-key.ts'
import { useWrite } from '../../../api/use-write.ts'
import { Field } from '../../../components/field.tsx'
import { Num } from '../../../components/values.tsx'
import { levelAt } from '../levels.tsx'
import { LocationSelect } from '../location-select.tsx'
import { StockForm } from '../stock-form.tsx'
import { Goes, orNull, toWhole } from './goes.tsx'
import type { StockDialogProps } from './stock-dialog-props.ts'

const ReceiveDocument = graphql(`
  mutation ReceiveStock($input: ReceiveInventoryInput!) {
    receiveInventory(input: $input) {
      movement {
        id
        onHandAfter
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Takes goods in. */
export function ReceiveDialog(props: StockDialogProps) {
  const { item, locations, location, setLocation, onDone, onClose } = props
  const idempotencyKey = useKey()
  const [qty, setQty] = useState('')
  const [reference, setReference] = useState('')
  const [reason, setReason] = useState('')
  const write = useWrite(ReceiveDocument)
  const { onHand } = levelAt(item.levels, location)
  const received = toWhole(qty)

  const receive = async () => {
    const input = {
      sku: item.sku,
      location,
      qty: Number(qty),
      reference: orNull(reference),
      reason: orNull(reason),
      idempotencyKey,
    }
    const done = await write.run({ input })
    if (!done) return undefined
    const onHandAfter = done.movement!.onHandAfter.toLocaleString()
    return `Received ${input.qty.toLocaleString()} at ${location}: ${onHandAfter} on hand`
  }
  return (
    <StockForm
      title={`Receive ${item.sku}`}
      submit="Receive"
      write={write}
      consequence={
        received !== undefined &&
        received > 0 && (
          <>
            <Goes what="On hand" at={location} from={onHand} to={onHand + received} />
            {item.backordered > 0 && (
              <p>
                Orders wait for <Num value={item.backordered} />: they are served first, oldest first.
              </p>
            )}
          </>
        )
      }
      onSubmit={receive}
      onDone={onDone}
      onClose={onClose}
    >
      <Field label="Quantity" name="qty" type="number" required min={1} value={qty} onInput={setQty} />
      <LocationSelect label="Location" locations={locations} value={location} onInput={setLocation} />
      <Field
        label="Reference"
        name="reference"
        value={reference}
        onInput={setReference}
        hint="The delivery note's number, as the ledger keeps it."
      />
      <Field label="Reason" name="reason" value={reason} onInput={setReason} />
    </StockForm>
  )
}
