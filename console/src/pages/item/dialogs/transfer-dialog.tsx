import { useState } from 'preact/hooks'
import { graphql } from '../../../api/graphql.ts'
import { useKey } from '../../../api/use-key.ts'
import { useWrite } from '../../../api/use-write.ts'
import { Button } from '../../../components/button.tsx'
import { Dialog } from '../../../components/dialog.tsx'
import { Field } from '../../../components/field.tsx'
import { Num } from '../../../components/values.tsx'
import { levelAt } from '../levels.tsx'
import { LocationSelect } from '../location-select.tsx'
import { StockForm } from '../stock-form.tsx'
import { Goes, orNull, toWhole } from './goes.tsx'
import type { StockDialogProps } from './stock-dialog-props.ts'

const TransferDocument = graphql(`
  mutation TransferStock($input: TransferInventoryInput!) {
    transferInventory(input: $input) {
      movements {
        id
        onHandAfter
        location {
          id
          code
        }
      }
      userErrors {
        message
        field
      }
    }
  }
`)

/** Moves what is available from one location to another. */
export function TransferDialog(props: StockDialogProps) {
  const { item, locations, location: from, setLocation: setFrom, onDone, onClose } = props
  const idempotencyKey = useKey()
  const [chosenTo, setTo] = useState<string>()
  const [qty, setQty] = useState('')
  const [reason, setReason] = useState('')
  const [reference, setReference] = useState('')
  const write = useWrite(TransferDocument)
  const others = locations.filter(({ code }) => code !== from)
  const to = others.find(({ code }) => code === chosenTo) ?? others[0]
  if (!to) return <OnlyOne onClose={onClose} />

  const here = levelAt(item.levels, from)
  const there = levelAt(item.levels, to.code)
  const moved = toWhole(qty) ?? 0
  const transfer = async () => {
    const lines = [{ sku: item.sku, qty: Number(qty) }]
    const texts = { reason: orNull(reason), reference: orNull(reference) }
    const done = await write.run({ input: { from, to: to.code, lines, ...texts, idempotencyKey } })
    if (!done) return undefined
    const levels = done.movements.map(
      ({ location: { code }, onHandAfter }) => `${onHandAfter.toLocaleString()} on hand at ${code}`,
    )
    return `Transferred. ${levels.join(', ')}`
  }
  return (
    <StockForm
      title={`Transfer ${item.sku}`}
      submit="Transfer"
      write={write}
      consequence={
        moved > 0 &&
        (moved > here.available ? (
          <p>
            It will be refused: only <Num value={here.available} /> are available at {from}. What is promised
            to orders stays.
          </p>
        ) : (
          <>
            <Goes what="On hand" at={from} from={here.onHand} to={here.onHand - moved} />
            <Goes what="On hand" at={to.code} from={there.onHand} to={there.onHand + moved} />
            {!to.isActive && <p>{to.code} is inactive: orders take nothing from it.</p>}
          </>
        ))
      }
      onSubmit={transfer}
      onDone={onDone}
      onClose={onClose}
    >
      <LocationSelect label="From" name="from" locations={locations} value={from} onInput={setFrom} />
      {/* where there are two, the other one: it is named, not chosen */}
      {others.length > 1 ? (
        <LocationSelect label="To" name="to" locations={others} value={to.code} onInput={setTo} />
      ) : (
        <p>
          To <code>{to.code}</code>, the only other location.
        </p>
      )}
      <Field label="Quantity" name="qty" type="number" required min={1} value={qty} onInput={setQty} />
      <Field label="Reason" name="reason" value={reason} onInput={setReason} />
      <Field label="Reference" name="reference" value={reference} onInput={setReference} />
    </StockForm>
  )
}

function OnlyOne({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="There is nowhere to transfer to" onClose={onClose}>
      <p>
        All stock is at the one location that there is. Create another among the{' '}
        <a href="/console/locations">locations</a>.
      </p>
      <div class="dialog-actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  )
}
